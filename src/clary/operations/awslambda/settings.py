"""What a function may be: checked where one is created and where it is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations.awslambda.functions import ARCHITECTURE, invalid
from clary.operations.registry import Call
from clary.operations.sts.trust import check_service_role

SERVICE = "lambda.amazonaws.com"
DEFAULTS: Document = {"Timeout": 3, "MemorySize": 128, "Description": ""}
CONFIGURED = ("Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "Environment")
LONGEST, LARGEST, VARIABLES = 900, 10_240, 4096
_RUNTIME = re.compile(r"python3\.\d+")
_RESERVED = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_(?:(?:DEFAULT_)?REGION|EXECUTION_ENV|ACCESS_KEY(?:_ID)?|SECRET_ACCESS_KEY|"
    r"SESSION_TOKEN|LAMBDA_(?:FUNCTION_(?:NAME|MEMORY_SIZE|VERSION)|INITIALIZATION_TYPE|LOG_GROUP_NAME|"
    r"LOG_STREAM_NAME|RUNTIME_API|DOTNET_PREJIT))|LAMBDA_(?:TASK_ROOT|RUNTIME_DIR)|TZ"
)
_ABSENT = {
    "CodeSigningConfigArn": "code is not signed here",
    "FileSystemConfigs": "no file systems are mounted; read from S3",
    "KMSKeyArn": "variables are not encrypted by a key of one's own",
    "TenancyConfig": "environments of one function are not told apart by tenant",
    "CapacityProviderConfig": "functions run on this machine",
    "DurableConfig": "durable executions are not built",
    "RuntimeConfig": "the interpreter is the image's",
    "AcceleratorConfig": "functions have no accelerator",
    "ImageConfig": "container images are not run as functions",
    "Publish": "versions are not built; every call has $LATEST",
    "PublishTo": "versions are not built; every call has $LATEST",
}


def check(call: Call, request: Document) -> None:
    """Refuse what could not be honoured of a request that creates or changes a function."""
    for member, why in _ABSENT.items():
        if request.get(member) not in (None, "", [], {}, False):
            raise invalid(f"{member} is not supported by Clary: {why}. Leave it out.")
    _check_switches(request)
    if "Runtime" in request and not _RUNTIME.fullmatch(request["Runtime"]):
        raise invalid(
            f"The runtime parameter of {request['Runtime']} is not run by Clary, which has Python: name "
            "python3.9 or another python3; the interpreter is the one of the image lambda-python."
        )
    _within(request, "Timeout", 1, LONGEST)
    _within(request, "MemorySize", 128, LARGEST)
    if "Role" in request:
        _check_role(call, request["Role"])
    _check_variables((request.get("Environment") or {}).get("Variables") or {})


def _check_switches(request: Document) -> None:
    """Refuse settings of which only the default is honoured."""

    def asked(member: str, part: str, default: object) -> bool:
        return (request.get(member) or {}).get(part) not in (None, [], "", default)

    logging: Document = request.get("LoggingConfig") or {}
    wrong = {
        "PackageType must be Zip: container images are not run as functions here": request.get(
            "PackageType", "Zip"
        )
        != "Zip",
        "VpcConfig must be empty: there are no VPCs here": asked("VpcConfig", "SubnetIds", [])
        or asked("VpcConfig", "SecurityGroupIds", []),
        "Layers must be empty: put what a function needs into its zip": bool(request.get("Layers")),
        "DeadLetterConfig is not built: failed events are counted by the metric Errors": asked(
            "DeadLetterConfig", "TargetArn", ""
        ),
        "TracingConfig must be PassThrough: there is no X-Ray here": asked(
            "TracingConfig", "Mode", "PassThrough"
        ),
        "SnapStart must be None: environments are not restored from snapshots": asked(
            "SnapStart", "ApplyOn", "None"
        ),
        "EphemeralStorage must be 512: /tmp is as large as the machine's disk": asked(
            "EphemeralStorage", "Size", 512
        ),
        f"Architectures must be {ARCHITECTURE}: functions run on this machine": request.get(
            "Architectures", [ARCHITECTURE]
        )
        != [ARCHITECTURE],
        "LoggingConfig must be LogFormat Text: lines go to /aws/lambda/<function> as they are": bool(
            logging.keys() - {"LogFormat"}
        )
        or logging.get("LogFormat", "Text") != "Text",
    }
    for words, is_so in wrong.items():
        if is_so:
            raise invalid(f"{words}.")


def _within(request: Document, member: str, least: int, most: int) -> None:
    value = request.get(member, least)
    if not least <= value <= most:
        which = f"less than or equal to {most}" if value > most else f"greater than or equal to {least}"
        at = member[0].lower() + member[1:]
        raise ValidationError(
            f"1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: Member "
            f"must have value {which}"
        )


def _check_role(call: Call, role: str) -> None:
    try:
        check_service_role(call.records, role, service=SERVICE)
    except ValidationError as error:
        raise invalid(
            "The role defined for the function cannot be assumed by Lambda. It must exist, and its trust "
            f"policy allow {SERVICE} to assume it."
        ) from error


def _check_variables(variables: Mapping[str, str]) -> None:
    where = "Lambda was unable to configure your environment variables because the environment variables you"
    if taken := [name for name in variables if _RESERVED.fullmatch(name)]:
        raise invalid(
            f"{where} have provided contains reserved keys that are currently not supported for "
            f"modification. Reserved keys used in this request: {', '.join(taken)}"
        )
    if wrong := [name for name in variables if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]+", name)]:
        raise invalid(
            f"A variable cannot be called {wrong[0]!r}: two letters, digits and underscores at least."
        )
    if len(json.dumps(dict(variables), separators=(",", ":")).encode()) > VARIABLES:
        raise invalid(
            f"{where} have provided exceeded the 4KB limit. String measured: {dict(variables)}"[:400]
        )

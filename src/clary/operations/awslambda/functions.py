"""Which function a request means, what is told of one, and how Lambda words its refusals."""

from __future__ import annotations

import platform

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.permissions.awslambda import named
from clary.operations.registry import Call
from clary.resources.awslambda.environments import LAMBDA_ENVIRONMENTS
from clary.resources.awslambda.function import FUNCTION
from clary.store.record import Record

LATEST = "$LATEST"
ACCOUNT_CONCURRENCY = 1000
ARCHITECTURE = "arm64" if platform.machine() == "aarch64" else "x86_64"
_TOLD = (
    *("FunctionName", "FunctionArn", "Runtime", "Role", "Handler", "CodeSize", "Description", "Timeout"),
    *("MemorySize", "LastModified", "CodeSha256", "Environment", "RevisionId"),
)


def function_of(call: Call, member: str = "FunctionName") -> Record:
    """Return the function that a request names, by whatever form of its name; another account's as well."""
    arn, qualifier = named(str(call.request[member]), call.records)
    qualifier = str(call.request.get("Qualifier") or qualifier)
    record = call.records.by_arn(arn)
    if record is None or record.kind != FUNCTION.kind or qualifier not in ("", LATEST):
        raise missing(f"{arn}:{qualifier}" if qualifier else arn)
    return record


def environments_of(call: Call, function: Record) -> Record:
    """Return the record of a function's environments."""
    records = call.records.scoped(function.account, function.region)
    return records.get(LAMBDA_ENVIRONMENTS, {"EnvironmentsId": function.doc["_Environments"]})


def described(function: Record) -> Document:
    """Return a function's configuration as Lambda tells it."""
    doc = function.doc
    return {
        **{member: doc[member] for member in _TOLD if doc.get(member) not in (None, {})},
        "Version": LATEST,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [ARCHITECTURE],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "TracingConfig": {"Mode": "PassThrough"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{doc['FunctionName']}"},
    }


def missing(arn: str) -> ApiError:
    """Return the refusal of a function that is not there."""
    return ApiError(
        f"Function not found: {arn}",
        code=FUNCTION.missing,
        status=FUNCTION.missing_status,
        members={"Type": "User"},
    )


def invalid(message: str) -> ApiError:
    """Return the refusal of a value."""
    members: Document = {"Type": "User"}
    return ApiError(message, code="InvalidParameterValueException", status=400, members=members)


def check_revision(call: Call, function: Record) -> None:
    """Refuse a change of another revision than the one that is there."""
    asked = call.request.get("RevisionId")
    if asked and asked != function.doc["RevisionId"]:
        raise ApiError(
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias "
            "API to retrieve the latest Revision Id",
            code="PreconditionFailedException",
            status=412,
            members={"Type": "User"},
        )

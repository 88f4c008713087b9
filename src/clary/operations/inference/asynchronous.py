"""InvokeEndpointAsync: a request is kept until it can be answered (evidence/async-inference.md)."""

from __future__ import annotations

from sqlalchemy import Connection

from clary.core import ids
from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.engines.inference.asynchronous import config_of, locations
from clary.operations import references
from clary.operations.registry import Call, operation
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.sns.topic import TOPIC
from clary.store.invocations import queue
from clary.store.records import Record
from clary.store.times import micros

TTL = 21_600  # Seconds a request may wait where it does not say; and 900 that an answer may take.
TIMEOUT = 900
_KEPT = ("EndpointName", "ContentType", "Accept", "CustomAttributes", "InputLocation")
_ACCEPTING = frozenset({"InService", "Updating", "RollingBack", "UpdateRollbackFailed", "SystemUpdating"})


class Refused(ApiError):
    """The request does not fit the endpoint. The runtime's model spells this one without `Exception`."""

    code = "ValidationError"
    status = 400


@operation("sagemaker-runtime", "InvokeEndpointAsync")
def invoke(call: Call) -> Document:
    """Put a request into its endpoint's queue."""
    request = call.request
    endpoint = _endpoint(call)
    config = config_of(endpoint.doc)
    if config is None:
        raise Refused(
            f"Endpoint {endpoint.name} is not asynchronous: its configuration has no AsyncInferenceConfig. "
            "Use InvokeEndpoint."
        )
    if ("InputLocation" in request) == ("Body" in request):
        raise Refused("Give exactly one of InputLocation and Body.")
    if "InputLocation" in request:
        _check_input(request["InputLocation"])
    inference = request.get("InferenceId") or ids.request_id()
    told = locations(config, ids.request_id(), request)
    kept: Document = {member: request[member] for member in _KEPT if member in request}
    ttl = request.get("RequestTTLSeconds", TTL)
    kept |= {"InferenceId": inference, **told, "RequestTTLSeconds": ttl}
    kept["InvocationTimeoutSeconds"] = request.get("InvocationTimeoutSeconds", TIMEOUT)
    body, now = request.get("Body"), micros(call.clock.now()) // 1000

    def work(connection: Connection) -> None:
        queue.add(connection, endpoint.uid, kept, received=now, expires=now + ttl * 1000, body=body)

    call.objects.committer.run(work)
    return {"InferenceId": inference, **told}


def check_config(call: Call, config: Document) -> None:
    """Refuse an AsyncInferenceConfig whose answers or notifications could not be delivered."""
    output = config["OutputConfig"]
    references.refuse(
        output,
        {"KmsKeyId": "objects are not encrypted with keys of KMS; leave it out."},
        "AsyncInferenceConfig.OutputConfig.",
    )
    if not output.get("S3OutputPath"):
        raise ValidationError("AsyncInferenceConfig.OutputConfig.S3OutputPath is missing.")
    for member in ("S3OutputPath", "S3FailurePath"):
        if output.get(member):
            references.bucket(call, output[member], f"AsyncInferenceConfig.OutputConfig.{member}")
    for member in ("SuccessTopic", "ErrorTopic"):
        if arn := output.get("NotificationConfig", {}).get(member):
            found = call.records.by_arn(arn)
            if found is None or found.kind != TOPIC.kind:
                raise ValidationError(
                    f"The {member} {arn} does not exist. Create the topic, or name another."
                )


def _endpoint(call: Call) -> Record:
    name = call.request["EndpointName"]
    endpoint = call.records.find(ENDPOINT, name)
    if endpoint is None or endpoint.status not in _ACCEPTING:
        state = f" It is {endpoint.status}." if endpoint else ""
        raise Refused(f"Endpoint {name} of account {call.account} not found.{state}")
    return endpoint


def _check_input(uri: str) -> None:
    try:
        _, key = references.split(uri, "InputLocation")
    except ValidationError as error:
        raise Refused(error.message) from error
    if not key:
        raise Refused(f"InputLocation is {uri!r}; it must name one object: s3://bucket/key.")

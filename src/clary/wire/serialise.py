"""From a document or an error to an HTTP response."""

from __future__ import annotations

from botocore.model import OperationModel, ServiceModel, StructureShape

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.wire import cbor, cbor_body, events, json_body, rest_output, s3, sqs, xml_body
from clary.wire.error_body import json_type, modelled, write_error
from clary.wire.message import HttpRequest, HttpResponse
from clary.wire.route import Protocol, detect

_CBOR = "application/cbor"


def serialise(
    service: ServiceModel, operation: OperationModel, result: Document, request: HttpRequest, request_id: str
) -> HttpResponse:
    """Return the answer to a call that succeeded, in the protocol the request came in.

    Members the output shape does not have are left out, so a stored record can be answered as it is.
    """
    protocol = detect(service, request)
    if protocol == "query":
        spoken = sqs.query_model(service)
        response = _query(spoken, spoken.operation_model(operation.name), result, request_id)
    elif protocol in ("rest-json", "rest-xml"):
        response = rest_output.write(service, operation, protocol, result)
    else:
        response = _rpc(service, operation, protocol, result, request)
    _identify(service, response, request_id)
    return response


def serialise_error(
    service: ServiceModel,
    operation: OperationModel | None,
    error: ApiError,
    request: HttpRequest,
    request_id: str,
) -> HttpResponse:
    """Return the answer to a call that failed; `operation` is None when it was never found out."""
    protocol = detect(service, request)
    shape = modelled(service, operation, error.code)
    response = write_error(service, shape, error, protocol, request, request_id)
    _identify(service, response, request_id)
    if request.method == "HEAD" or response.status == 304:
        response.body = b""
    return response


def event_payloads(service: ServiceModel, protocol: Protocol) -> tuple[events.Encode, str]:
    """Return how a service writes the payload of one event in a protocol, and the content type it has."""
    if protocol == "json":
        json_plan = json_body.writer(service).plan
        return (lambda shape, value: json_body.encode(json_plan(shape)(value))), "application/json"
    if protocol == "smithy-rpc-v2-cbor":
        cbor_plan = cbor_body.writer(service).plan
        return (lambda shape, value: cbor.encode(cbor_plan(shape)(value))), _CBOR
    return rest_output.event_payloads(service, protocol)


def _query(
    service: ServiceModel, operation: OperationModel, result: Document, request_id: str
) -> HttpResponse:
    response = HttpResponse()
    response.headers.set("content-type", "text/xml")
    shape = operation.output_shape
    out: list[str] = []
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        xml_body.writer(service).plan(shape)(out, wrapper, result)
        out[0] = f"<{wrapper}>"  # The wrapper stands for the answer, not for the shape and its namespace.
    namespace = xml_body.namespace_of_service(service)
    response.body = (
        f"<{operation.name}Response{namespace}>{''.join(out)}"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation.name}Response>"
    ).encode()
    return response


def _rpc(
    service: ServiceModel,
    operation: OperationModel,
    protocol: Protocol,
    result: Document,
    request: HttpRequest,
) -> HttpResponse:
    response = HttpResponse()
    shape = operation.output_shape
    encode, content_type = event_payloads(service, protocol)
    stream = shape.event_stream_name if isinstance(shape, StructureShape) else None
    if shape is None:
        body = b"{}" if protocol == "json" else b""
    elif stream is not None:
        first = {member: value for member, value in result.items() if member != stream}
        target = operation.get_event_stream_output()
        body = events.initial_response(encode(shape, first), content_type)
        body += events.events(target, result.get(stream) or [], encode, content_type)
    else:
        body = encode(shape, result)
    response.body = body
    if stream is not None:
        content_type = events.CONTENT_TYPE
    elif protocol == "json":
        content_type = json_type(service, request)
    if body or protocol == "json":
        response.headers.set("content-type", content_type)
    if protocol == "smithy-rpc-v2-cbor":
        response.headers.set("smithy-protocol", "rpc-v2-cbor")
    return response


def _identify(service: ServiceModel, response: HttpResponse, request_id: str) -> None:
    if s3.is_s3(service):
        response.headers.set("x-amz-request-id", request_id)
        response.headers.set("x-amz-id-2", s3.host_id(request_id))
    else:
        response.headers.set("x-amzn-requestid", request_id)

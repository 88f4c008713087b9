"""Errors as each protocol writes them."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import NoShapeFoundError, OperationModel, ServiceModel, StructureShape

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.wire import cbor, cbor_body, json_body, rest_output, s3, sqs, xml_body
from clary.wire.message import HttpRequest, HttpResponse
from clary.wire.route import Protocol

# What XML cannot hold, not even as a reference. S3 writes references all the same, so its answers are apart.
_UNSAYABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_STAND_IN = "\ufffd"


def modelled(service: ServiceModel, operation: OperationModel | None, code: str) -> StructureShape | None:
    """Return the error shape a code stands for: its name, or the code it has in the query protocol."""
    for known in operation.error_shapes if operation is not None else ():
        if isinstance(known, StructureShape) and code in (known.name, known.error_code):
            return known
    try:
        shape = service.shape_for(code)
    except NoShapeFoundError:
        return None
    if isinstance(shape, StructureShape) and shape.metadata.get("exception"):
        return shape
    return None


def write_error(
    service: ServiceModel,
    shape: StructureShape | None,
    error: ApiError,
    protocol: Protocol,
    request: HttpRequest,
    request_id: str,
) -> HttpResponse:
    """Return the error's answer, without the headers every answer has."""
    response = HttpResponse(status=status_of(service, shape, error, protocol))
    if s3.is_s3(service):
        _s3(response, error, request_id)
    elif protocol in ("query", "rest-xml"):
        response.headers.set("content-type", "text/xml" if protocol == "query" else "application/xml")
        _xml(service, response, shape, error, request_id)
        if protocol == "rest-xml" and shape is not None:
            rest_output.write_headers(rest_output.plan_of(service, shape), error.members, response.headers)
    elif protocol == "rest-json":
        response.headers.set("content-type", "application/json")
        response.headers.set("x-amzn-errortype", shape.name if shape is not None else error.code)
        if shape is not None:
            rest_output.write_headers(rest_output.plan_of(service, shape), error.members, response.headers)
        response.body = json_body.encode(_members(service, shape, error, "rest-json"))
    else:
        _rpc(service, response, shape, error, protocol, request)
    return response


def status_of(
    service: ServiceModel, shape: StructureShape | None, error: ApiError, protocol: Protocol
) -> int:
    """Return the modelled HTTP status where there is one; an unmarked error is the caller's fault."""
    if shape is None:
        return error.status
    trait = shape.metadata.get("error", {})
    # A service that once spoke query keeps that protocol's codes and their statuses in the same trait.
    of_query = "code" in trait and service.is_query_compatible
    if "httpStatusCode" in trait and not (of_query and protocol != "query"):
        return int(trait["httpStatusCode"])
    if error.status != ApiError.status:
        return error.status
    fault = vars(shape)["_shape_model"].get("fault")  # botocore does not hand this trait out.
    return 500 if fault else 400


def json_type(service: ServiceModel, request: HttpRequest) -> str:
    """Return the JSON protocol's content type in the version the client speaks."""
    asked = (request.headers.get("content-type") or "").partition(";")[0].strip()
    if asked in ("application/x-amz-json-1.0", "application/x-amz-json-1.1"):
        return asked
    return f"application/x-amz-json-{service.metadata.get('jsonVersion', '1.1')}"


def _rpc(
    service: ServiceModel,
    response: HttpResponse,
    shape: StructureShape | None,
    error: ApiError,
    protocol: Protocol,
    request: HttpRequest,
) -> None:
    name = shape.name if shape is not None else error.code
    body = {"__type": name} | _members(service, shape, error, protocol)
    if protocol == "json":
        response.headers.set("content-type", json_type(service, request))
        response.body = json_body.encode(body)
    else:
        response.headers.set("content-type", "application/cbor")
        response.headers.set("smithy-protocol", "rpc-v2-cbor")
        response.body = cbor.encode(body)
    if service.is_query_compatible:
        code = sqs.query_code(service, shape.error_code if shape is not None else error.code)
        response.headers.set("x-amzn-query-error", f"{code};{_fault(response.status)}")


def _members(
    service: ServiceModel, shape: StructureShape | None, error: ApiError, protocol: str
) -> dict[str, Any]:
    """Return message and modelled members as the protocol's tree."""
    key = "message"
    tree: dict[str, Any] = {}
    if shape is not None:
        key = next((name for name in shape.members if name.lower() == "message"), key)
        document: Document = {
            member: value
            for member, value in error.members.items()
            if member in shape.members
            and shape.members[member].serialization.get("location") not in rest_output.OUTSIDE
        }
        codec = cbor_body if protocol == "smithy-rpc-v2-cbor" else json_body
        tree = codec.writer(service).plan(shape)(document)
        if key in shape.members:
            key = shape.members[key].serialization.get("name", key)
    if error.message:
        tree.setdefault(key, error.message)
    return tree


def _xml(
    service: ServiceModel,
    response: HttpResponse,
    shape: StructureShape | None,
    error: ApiError,
    request_id: str,
) -> None:
    code = sqs.query_code(service, shape.error_code if shape is not None else error.code)
    out = [f"<Type>{_fault(response.status)}</Type><Code>{escape(code)}</Code>"]
    if error.message:
        out.append(f"<Message>{xml_body.escape(_UNSAYABLE.sub(_STAND_IN, error.message))}</Message>")
    for member, value in error.members.items():
        target = shape.members.get(member) if shape is not None else None
        if target is None or value is None or member.lower() == "message":
            continue
        if target.serialization.get("location") not in rest_output.OUTSIDE:
            xml_body.writer(service).plan(target)(out, xml_body.member_name(member, target), value)
    namespace = xml_body.namespace_of_service(sqs.query_model(service))
    response.body = (
        f"<ErrorResponse{namespace}><Error>{''.join(out)}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _s3(response: HttpResponse, error: ApiError, request_id: str) -> None:
    if error.status == 304:
        for header, member in (("etag", "ETag"), ("last-modified", "LastModified")):
            if member in error.members:
                response.headers.set(header, error.members[member])
        return
    response.headers.set("content-type", "application/xml")
    members = dict(error.members)
    if members.get("DeleteMarker"):
        for member, header in s3.OF_MARKER.items():
            if (value := members.pop(member, None)) is not None:
                response.headers.set(header, _plain(value))
    parts = {"Code": error.code, "Message": error.message, **members}
    parts |= {"RequestId": request_id, "HostId": s3.host_id(request_id)}
    inner = "".join(
        f"<{name}>{xml_body.escape(_plain(value))}</{name}>"
        for name, value in parts.items()
        if value is not None
    )
    response.body = f"{rest_output.PROLOG}<Error>{inner}</Error>".encode()


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _fault(status: int) -> str:
    return "Sender" if status < 500 else "Receiver"

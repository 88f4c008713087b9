"""What the REST protocols put into status, headers and body."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from clary.core.document import Document
from clary.wire import events, json_body, s3, scalars, xml_body
from clary.wire.memo import PerService
from clary.wire.message import Headers, HttpResponse

WriteText = Callable[[Any], str]
OUTSIDE = frozenset({"header", "headers", "statusCode"})
"""Where members of an answer live that are not in its body."""

PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n'
_CONTENT_TYPES = {"rest-json": "application/json", "rest-xml": "application/xml"}


@dataclass(frozen=True)
class OutputPlan:
    """Where each output member of one shape goes."""

    headers: tuple[tuple[str, str, WriteText], ...]
    prefixes: tuple[tuple[str, str], ...]
    status: str | None
    payload: tuple[str, Shape] | None
    body: bool


def write(service: ServiceModel, operation: OperationModel, protocol: str, result: Document) -> HttpResponse:
    """Return the answer to a REST request, without the headers every answer has."""
    response = HttpResponse(status=int(operation.http.get("responseCode", 200)))
    shape = operation.output_shape
    if s3.is_s3(service):
        response.status = s3.STATUS.get(operation.name, response.status)
        if operation.name in s3.PARTIAL and result.get("ContentRange") is not None:
            response.status = 206
    if not isinstance(shape, StructureShape):
        return response
    plan = plan_of(service, shape)
    write_headers(plan, result, response.headers)
    if plan.status is not None and result.get(plan.status) is not None:
        response.status = int(result[plan.status])
    if plan.payload is not None:
        _write_payload(service, protocol, plan, result, response)
    elif protocol == "rest-json":
        response.body = json_body.encode(json_body.writer(service).plan(shape)(_body(shape, result)))
        response.headers.set("content-type", _CONTENT_TYPES[protocol])
    elif plan.body:
        response.body = _xml_answer(service, operation, shape, result)
        response.headers.set("content-type", _CONTENT_TYPES[protocol])
    return response


def plan_of(service: ServiceModel, shape: StructureShape) -> OutputPlan:
    """Return where the members of an output or error shape go."""
    return _plans(service).get(shape)


def write_headers(plan: OutputPlan, result: Document, headers: Headers) -> None:
    """Add the members that live in headers."""
    for member, name, text in plan.headers:
        value = result.get(member)
        if value is not None and value != []:
            headers.set(name, _safe(text(value)))
    for member, prefix in plan.prefixes:
        for name, value in (result.get(member) or {}).items():
            if value is not None:
                headers.set(_safe(prefix + name), _safe(str(value)))


class _Plans:
    def __init__(self, service: ServiceModel) -> None:
        self._plans: dict[str, OutputPlan] = {}

    def get(self, shape: StructureShape) -> OutputPlan:
        plan = self._plans.get(shape.name)
        if plan is None:
            plan = self._plans.setdefault(shape.name, _make_plan(shape))
        return plan


_plans = PerService(_Plans)


def _make_plan(shape: StructureShape) -> OutputPlan:
    headers, prefixes = [], []
    status: str | None = None
    body = False
    payload = shape.serialization.get("payload")
    for member, target in shape.members.items():
        location, name = target.serialization.get("location"), target.serialization.get("name", member)
        if location == "header":
            headers.append((member, name, _header_writer(target)))
        elif location == "headers":
            prefixes.append((member, name))
        elif location == "statusCode":
            status = member
        elif payload is None:
            body = True
    return OutputPlan(
        headers=tuple(headers),
        prefixes=tuple(prefixes),
        status=status,
        payload=(payload, shape.members[payload]) if payload else None,
        body=body,
    )


def _header_writer(shape: Shape) -> WriteText:
    if isinstance(shape, ListShape):
        element = scalars.writer(shape.member, "rfc822")
        quotes = shape.member.type_name == "string"
        return lambda values: ", ".join(
            _quote(element(value)) if quotes else element(value) for value in values if value is not None
        )
    if shape.serialization.get("jsonvalue"):
        return lambda value: base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()
    return scalars.writer(shape, "rfc822")


def _quote(text: str) -> str:
    if "," in text or '"' in text:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def _safe(text: str) -> str:
    """Return text a header can hold: no line breaks, and RFC 2047 for what is not ASCII, as S3 does it."""
    if not text.isascii():
        return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _body(shape: StructureShape, result: Document) -> Document:
    """Return the members that have no place of their own."""
    return {
        member: value
        for member, value in result.items()
        if (target := shape.members.get(member)) is not None
        and target.serialization.get("location") not in OUTSIDE
    }


def _write_payload(
    service: ServiceModel, protocol: str, plan: OutputPlan, result: Document, response: HttpResponse
) -> None:
    if plan.payload is None:
        return
    member, shape = plan.payload
    value = result.get(member)
    if shape.serialization.get("eventstream") and isinstance(shape, StructureShape):
        encode, content_type = event_payloads(service, protocol)
        response.body = events.events(shape, value or [], encode, content_type)
        response.headers.set("content-type", events.CONTENT_TYPE)
        return
    if value is None:
        return
    if shape.type_name in ("blob", "string"):
        response.body = value.encode() if isinstance(value, str) else value
        if not any(name.lower() == "content-type" for _, name, _ in plan.headers):
            kind = "text/plain" if shape.type_name == "string" else "application/octet-stream"
            response.headers.set("content-type", kind)
        return
    if protocol == "rest-json":
        response.body = json_body.encode(json_body.writer(service).plan(shape)(value))
    else:
        response.body = _xml(service, shape, shape.serialization.get("name", shape.name), value)
    response.headers.set("content-type", _CONTENT_TYPES[protocol])


def event_payloads(service: ServiceModel, protocol: str) -> tuple[events.Encode, str]:
    """Return how a REST service writes the payload of an event, and its content type."""
    if protocol == "rest-json":
        plan = json_body.writer(service).plan
        return (lambda shape, value: json_body.encode(plan(shape)(value))), "application/json"
    return (lambda shape, value: _xml(service, shape, shape.name, value)), "text/xml"


def _xml_answer(
    service: ServiceModel, operation: OperationModel, shape: StructureShape, result: Document
) -> bytes:
    root = shape.serialization.get("name", shape.name)
    if s3.is_s3(service):
        root = s3.ROOTS.get(operation.name, root)
        if (only := s3.UNWRAPPED.get(operation.name)) is not None:
            text = xml_body.escape(str(result.get(only) or ""))
            return f'{PROLOG}<{root} xmlns="{s3.NAMESPACE}">{text}</{root}>'.encode()
    return _xml(service, shape, root, _body(shape, result))


def _xml(service: ServiceModel, shape: Shape, root: str, value: Any) -> bytes:
    out: list[str] = []
    xml_body.writer(service).plan(shape)(out, root, value)
    if s3.is_s3(service) and "xmlNamespace" not in shape.serialization:
        out[0] = out[0].replace(f"<{root}", f'<{root} xmlns="{s3.NAMESPACE}"', 1)
    return (PROLOG + "".join(out)).encode()

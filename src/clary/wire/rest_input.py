"""What the REST protocols take from path, query string, headers and body."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from clary.core.body import StagedBody
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.wire import json_body, s3, scalars, xml_body
from clary.wire.memo import PerService
from clary.wire.message import HttpRequest
from clary.wire.route import Route
from clary.wire.scalars import Mismatch

Read = Callable[[Any], Any]
_QUOTED = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*?))\s*(?:,|$)')


@dataclass(frozen=True)
class InputPlan:
    """Where each input member of one operation comes from."""

    labels: tuple[tuple[str, str, Read], ...]
    query: tuple[tuple[str, str, Read], ...]
    query_map: tuple[str, Read] | None
    headers: tuple[tuple[str, str, Read], ...]
    prefixes: tuple[tuple[str, str], ...]
    payload: tuple[str, str, Shape] | None
    body: bool


def read(service: ServiceModel, route: Route, request: HttpRequest) -> Document:
    """Return the members of a REST request."""
    plan = _plans(service).get(route.operation)
    document: Document = {}
    for member, name, plain in plan.labels:
        document[member] = _guard(name, plain, route.labels[name])
    for member, name, values in plan.query:
        if name in route.query:
            document[member] = _guard(name, values, route.query[name])
    if plan.query_map is not None:
        member, values = plan.query_map
        document[member] = {key: values(item) for key, item in route.query.items()}
    _read_headers(plan, route, request, document)
    if plan.payload is not None:
        _read_payload(service, route, plan.payload, request.body, document)
    elif plan.body and (body := _small(request.body)):
        shape = route.operation.input_shape
        assert shape is not None  # noqa: S101  # a plan with body members has a shape
        document |= _structured(service, route, shape, body)
    return document


class _Plans:
    def __init__(self, service: ServiceModel) -> None:
        self._plans: dict[str, InputPlan] = {}

    def get(self, operation: OperationModel) -> InputPlan:
        plan = self._plans.get(operation.name)
        if plan is None:
            plan = self._plans.setdefault(operation.name, _make_plan(operation))
        return plan


_plans = PerService(_Plans)


def _make_plan(operation: OperationModel) -> InputPlan:
    labels, query, headers, prefixes = [], [], [], []
    query_map: tuple[str, Read] | None = None
    body = False
    shape = operation.input_shape
    members = shape.members if isinstance(shape, StructureShape) else {}
    payload = shape.serialization.get("payload") if shape is not None else None
    for member, target in members.items():
        location, name = target.serialization.get("location"), target.serialization.get("name", member)
        if location == "uri":
            labels.append((member, name, scalars.reader(target)))
        elif location == "querystring" and isinstance(target, MapShape):
            query_map = (member, _query_reader(target.value))
        elif location == "querystring":
            query.append((member, name, _query_reader(target)))
        elif location == "header":
            headers.append((member, name.lower(), _header_reader(target)))
        elif location == "headers":
            prefixes.append((member, name.lower()))
        elif payload is None:
            body = True
    return InputPlan(
        labels=tuple(labels),
        query=tuple(query),
        query_map=query_map,
        headers=tuple(headers),
        prefixes=tuple(prefixes),
        payload=(payload, _payload_kind(members[payload]), members[payload]) if payload else None,
        body=body,
    )


def _payload_kind(shape: Shape) -> str:
    if shape.serialization.get("eventstream"):
        return "blob"
    return shape.type_name if shape.type_name in ("blob", "string") else "structure"


def _query_reader(shape: Shape) -> Read:
    if isinstance(shape, ListShape):
        element = scalars.reader(shape.member)
        return lambda values: [element(value) for value in values]
    plain = scalars.reader(shape)
    return lambda values: plain(values[0])


def _header_reader(shape: Shape) -> Read:
    if isinstance(shape, ListShape):
        element = scalars.reader(shape.member)
        dated = shape.member.type_name == "timestamp" and (
            shape.member.serialization.get("timestampFormat", "rfc822") == "rfc822"
        )
        return lambda text: [element(part) for part in (_dates(text) if dated else _split(text))]
    if shape.serialization.get("jsonvalue"):
        return _json_value
    return scalars.reader(shape)


def _json_value(text: str) -> Any:
    try:
        return json.loads(base64.b64decode(text, validate=True).decode())
    except (ValueError, RecursionError) as error:
        raise Mismatch("Base64 of a JSON value was expected") from error


def _split(text: str) -> list[str]:
    """Split a list header at its commas; quoted items may contain them."""
    if not text.strip():
        return []
    items, at = [], 0
    while at < len(text):
        match = _QUOTED.match(text, at)
        if match is None or match.end() == at:
            raise Mismatch("A list header is malformed")
        quoted, bare = match.groups()
        items.append(bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        at = match.end()
    return items


def _dates(text: str) -> list[str]:
    """Split a list of HTTP dates, which have a comma each themselves."""
    parts = [part.strip() for part in text.split(",")]
    return [", ".join(parts[at : at + 2]) for at in range(0, len(parts), 2)]


def _read_headers(plan: InputPlan, route: Route, request: HttpRequest, document: Document) -> None:
    if not plan.headers and not plan.prefixes:
        return
    present: dict[str, str] = {}
    hoisted = "X-Amz-Signature=" in request.query
    if hoisted:  # Some SDKs move x-amz- headers into the URL they sign.
        present = {
            name.lower(): values[0] for name, values in route.query.items() if name.lower()[:6] == "x-amz-"
        }
    for name, value in request.headers:
        present[name] = f"{present[name]}, {value}" if name in present and not hoisted else value
    for member, name, header in plan.headers:
        if (text := present.get(name)) is not None:
            document[member] = _guard(name, header, text.strip())
    for member, prefix in plan.prefixes:
        start = len(prefix)
        document[member] = {name[start:]: value for name, value in present.items() if name.startswith(prefix)}


def _read_payload(
    service: ServiceModel,
    route: Route,
    payload: tuple[str, str, Shape],
    body: bytes | StagedBody,
    document: Document,
) -> None:
    member, kind, shape = payload
    if kind == "blob":
        shape_of_input = route.operation.input_shape
        required = shape_of_input.required_members if isinstance(shape_of_input, StructureShape) else []
        if body or member in required:  # No bytes are bytes enough for a body that must be there.
            document[member] = body
    elif raw := _small(body):
        if kind == "string":
            try:
                document[member] = raw.decode()
            except UnicodeDecodeError as error:
                raise Mismatch("The request body is not valid UTF-8") from error
        else:
            document[member] = _structured(service, route, shape, raw)


def _structured(service: ServiceModel, route: Route, shape: Shape, body: bytes) -> Any:
    if route.protocol == "rest-json":
        return json_body.reader(service).plan(shape)(json_body.decode(body))
    root = xml_body.decode(body)
    expected = shape.serialization.get("name", shape.name)
    if s3.is_s3(service) and xml_body.local(root.tag) != expected:
        raise Mismatch(f"The root element must be {expected}")
    return xml_body.reader(service).plan(shape)([root])


def _small(body: bytes | StagedBody) -> bytes:
    if isinstance(body, StagedBody):
        raise ApiError("The request body is too large.", code="RequestEntityTooLargeException", status=413)
    return body


def _guard(name: str, plain: Read, value: Any) -> Any:
    try:
        return plain(value)
    except Mismatch as error:
        error.outside = True
        raise error.inside(name) from None

"""The request of a universal target: its JSON read as the operation's input, and nothing beyond that.

Members that only the server says have no place in an operation's model, so none of them comes in by a
schedule. Bytes are given as text and times as ISO 8601, as they stand in JSON: evidence/event-schedules.md
"""

from __future__ import annotations

import json
from typing import Any

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from clary.core.document import Document
from clary.wire import json_body, models
from clary.wire.scalars import Mismatch


class RequestFault(ValueError):
    """A text is not the request of its operation; it says why."""


def read(operation: str, text: str) -> Document:
    """Return the request that a text is of an operation, named as policies name it; raise RequestFault."""
    service, _, name = operation.partition(":")
    model = models.service(service)
    if name not in model.operation_names:
        raise RequestFault(f"{service} has no operation {name}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestFault("it must be the request as a JSON object") from error
    if not isinstance(found, dict):
        raise RequestFault("it must be the request as a JSON object")
    shape = model.operation_model(name).input_shape
    if shape is None:
        if found:
            raise RequestFault(f"{name} takes no members")
        return {}
    document: Document = _read(model, shape, found, name)
    return document


def _read(model: ServiceModel, shape: Shape, value: Any, where: str) -> Any:
    if isinstance(shape, StructureShape) and not shape.is_document_type:
        return _structure(model, shape, value, where)
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise RequestFault(f"{where} must be a list")
        return [_read(model, shape.member, each, f"an item of {where}") for each in value]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise RequestFault(f"{where} must be an object")
        return {key: _read(model, shape.value, each, f"{where}.{key}") for key, each in value.items()}
    if shape.type_name == "blob":
        if not isinstance(value, str):
            raise RequestFault(f"{where} must be a text")
        return value.encode()
    try:
        return json_body.reader(model).plan(shape)(value)
    except Mismatch as error:
        raise RequestFault(f"{where}: {error}") from error


def _structure(model: ServiceModel, shape: StructureShape, value: Any, where: str) -> Document:
    if not isinstance(value, dict):
        raise RequestFault(f"{where} must be an object")
    members, found = shape.members, {}
    for name, each in value.items():
        if name not in members:
            raise RequestFault(f"{where} has no member {name}; its members are {', '.join(members)}")
        if each is not None:
            found[name] = _read(model, members[name], each, f"{where}.{name}")
    if shape.is_tagged_union and len(found) != 1:
        raise RequestFault(f"{where} must have exactly one of {', '.join(members)}")
    return found

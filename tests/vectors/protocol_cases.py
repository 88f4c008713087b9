"""The published protocol cases as our side of the wire sees them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from clary.core.document import Document
from clary.wire import cbor
from clary.wire.message import Headers, HttpRequest

FOLDER = Path(__file__).parent / "protocols"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One case of one suite."""

    protocol: str
    service: ServiceModel
    operation: OperationModel
    id: str
    data: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.protocol}-{self.id}"


def cases(direction: str) -> Iterator[Case]:
    """Yield every case of a direction, `input` or `output`."""
    for path in sorted((FOLDER / direction).glob("*.json")):
        for suite in json.loads(path.read_text()):
            for data in suite["cases"]:
                given, metadata = data["given"], suite["metadata"]
                if path.stem == "query":  # The suites leave out what the models of such services say.
                    metadata = metadata | {"xmlNamespace": "https://example.com/"}
                    given.get("output", {})["resultWrapper"] = f"{given['name']}Result"
                model = {
                    "metadata": metadata,
                    "shapes": suite["shapes"],
                    "operations": {given["name"]: given},
                }
                service = ServiceModel(model, path.stem)
                yield Case(path.stem, service, service.operation_model(given["name"]), data["id"], data)


def ignored_by_botocore(direction: str) -> set[str]:
    """Return the cases botocore's own tests leave out, because its parser does not get them right."""
    listed = json.loads((FOLDER / "protocol-tests-ignore-list.json").read_text())["protocols"]
    return {name for ignored in listed.values() for name in ignored.get(direction, {}).get("cases", [])}


def request_of(case: Case) -> HttpRequest:
    """Return the request a case describes; what all clients send and the case leaves out is filled in."""
    said = case.data.get("serialized", {})
    path, _, query = said.get("uri", "/").partition("?")
    headers = Headers(list(said.get("headers", {}).items()))
    headers.add("host", said.get("host", "example.com"))
    metadata = case.service.metadata
    if case.protocol.startswith("json") and "x-amz-target" not in headers:
        headers.add("x-amz-target", f"{metadata['targetPrefix']}.{case.operation.name}")
    if case.protocol.startswith("smithy"):
        headers.set("smithy-protocol", "rpc-v2-cbor")
    body = said.get("body", "").encode()
    if case.protocol.startswith("smithy"):
        body = base64.b64decode(body)
    return HttpRequest(method=said.get("method", "POST"), path=path, query=query, headers=headers, body=body)


def document(shape: Shape | None, value: Any) -> Any:
    """Return a case's value as documents hold it: times as datetimes, blobs as bytes, floats as floats."""
    if shape is None or value is None:
        return value
    if isinstance(shape, StructureShape) and not shape.is_document_type:
        return {name: document(shape.members[name], item) for name, item in value.items()}
    if isinstance(shape, ListShape):
        return [document(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {name: document(shape.value, item) for name, item in value.items()}
    if shape.type_name == "blob":
        return value.encode()
    if shape.type_name == "timestamp":
        return _EPOCH + timedelta(milliseconds=round(value * 1000))
    if shape.type_name in ("float", "double"):
        return float(value)
    return value


def sent(value: Document) -> Document:
    """Return a case's members without the nulls, which nobody sends at the top of a structure."""
    return {name: item for name, item in value.items() if item is not None}


def comparable(value: Any) -> Any:
    """Return something that compares equal when two values are the same, NaN and Element trees included."""
    if isinstance(value, dict):
        return {name: comparable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity"}.get(str(value), "-Infinity")
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return repr(float(value))
    if isinstance(value, ElementTree.Element):
        children = [comparable(child) for child in value if not child.tag.endswith("ResponseMetadata")]
        text = "" if children or not (value.text or "").strip() else value.text
        return value.tag, sorted(value.attrib.items()), text, children
    return value


def body_value(protocol: str, body: bytes, *, of_error: bool = False) -> Any:
    """Return a response body as something comparable; the cases leave the namespace of XML errors out."""
    if protocol.startswith("smithy"):
        return comparable(cbor.decode(body)) if body else {}
    if protocol in ("query", "rest-xml") and body.lstrip().startswith(b"<"):
        root = ElementTree.fromstring(body)  # noqa: S314  # our own answer, or a published case
        for element in root.iter() if of_error else ():
            element.tag = element.tag.rpartition("}")[2]
        return comparable(root)
    try:
        return comparable(json.loads(body)) if body else None
    except ValueError:
        return body

"""Values that fit a shape, made by hypothesis, and the requests botocore makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from clary.wire import models
from clary.wire.message import Headers, HttpRequest

SERVICES = ("sagemaker", "sagemaker-runtime", "s3", "iam", "sts", "logs", "cloudwatch")
DEEPEST = 3
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=6)
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=8)
IN_XML = TEXT.filter(lambda text: "\ufffe" not in text and "\uffff" not in text)
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001  # made aware below
    lambda when: when.replace(microsecond=0, tzinfo=UTC)
)

# Answers that are not what their output shape says, or that an older, deprecated twin shadows.
LEFT_OUT = {"GetBucketLocation", "ListDirectoryBuckets"}


def operations(service: ServiceModel) -> list[OperationModel]:
    """Return the operations whose requests can be told apart and whose bodies are not event streams."""
    found = [service.operation_model(name) for name in service.operation_names]
    streams = [op.name for op in found if op.has_event_stream_input or op.has_event_stream_output]
    return [op for op in found if not op.deprecated and op.name not in LEFT_OUT and op.name not in streams]


def values(shape: Shape, depth: int = 0) -> SearchStrategy[Any]:
    """Return a strategy for values of a shape; deep down only required members are filled."""
    location = shape.serialization.get("location")
    if isinstance(shape, StructureShape):
        return structures(shape, depth)
    if isinstance(shape, ListShape):
        inner = WORDS if location == "header" else values(shape.member, depth + 1)
        return st.lists(inner, min_size=1, max_size=2)
    if isinstance(shape, MapShape):
        keys, items = (WORDS, WORDS) if location else (TEXT.filter(bool), values(shape.value, depth + 1))
        return st.dictionaries(keys, items, min_size=1, max_size=2)
    if shape.type_name in ("string", "character"):
        if allowed := shape.metadata.get("enum"):
            return st.sampled_from(allowed)
        return WORDS if location in ("header", "uri") else IN_XML
    return _SIMPLE[shape.type_name]


@st.composite
def structures(draw: st.DrawFn, shape: StructureShape, depth: int) -> dict[str, Any]:
    """Draw a structure: required members always, some of the others, exactly one of a union."""
    members = [name for name, target in shape.members.items() if not target.serialization.get("eventstream")]
    if shape.is_tagged_union:
        chosen = [draw(st.sampled_from(members))]
    else:
        spare = [name for name in members if name not in shape.required_members]
        most = 6 if depth == 0 else 2 if depth < DEEPEST else 0
        extra = draw(st.lists(st.sampled_from(spare), max_size=most, unique=True)) if spare else []
        payload = [name for name in spare if name == shape.serialization.get("payload")]
        chosen = list(dict.fromkeys([*shape.required_members, *extra, *payload]))
    payload_name = shape.serialization.get("payload")
    return {
        name: draw(
            payloads(shape.members[name]) if name == payload_name else values(shape.members[name], depth + 1)
        )
        for name in chosen
    }


def payloads(shape: Shape) -> SearchStrategy[Any]:
    """Return a strategy for a member that is a whole body: no text is no body, and botocore decodes bytes."""
    if shape.type_name == "blob":
        return WORDS.map(str.encode)
    return WORDS if shape.type_name == "string" else values(shape, 1)


@st.composite
def inputs(draw: st.DrawFn, name: str) -> tuple[OperationModel, dict[str, Any]]:
    """Draw an operation of a service and an input for it."""
    operation = draw(st.sampled_from(operations(models.service(name))))
    shape = operation.input_shape
    return operation, draw(structures(shape, 0)) if isinstance(shape, StructureShape) else {}


@st.composite
def outputs(draw: st.DrawFn, name: str) -> tuple[OperationModel, dict[str, Any]]:
    """Draw an operation of a service and an output of it."""
    operation = draw(st.sampled_from(operations(models.service(name))))
    shape = operation.output_shape
    return operation, draw(structures(shape, 0)) if isinstance(shape, StructureShape) else {}


def request_of(operation: OperationModel, parameters: dict[str, Any], protocol: str) -> HttpRequest:
    """Return the request botocore makes of an operation and its parameters."""
    serializer = create_serializer(protocol, include_validation=False)
    made = serializer.serialize_to_request(parameters, operation)
    path, _, query = made["url_path"].partition("?")
    more = made["query_string"]
    encoded = more if isinstance(more, str) else percent_encode_sequence(more)
    body = made["body"]
    if isinstance(body, dict):
        body = percent_encode_sequence(body)
    return HttpRequest(
        method=made["method"],
        path=path,
        query="&".join(part for part in (query, encoded) if part),
        headers=Headers([("Host", "127.0.0.1:9229"), *((k, str(v)) for k, v in made["headers"].items())]),
        body=body.encode() if isinstance(body, str) else body,
    )


def bare_request(protocol: str) -> HttpRequest:
    """Return a request that shows nothing but its protocol."""
    signs = {
        "json": ("X-Amz-Target", "Any.Thing"),
        "query": ("Content-Type", "application/x-www-form-urlencoded"),
        "smithy-rpc-v2-cbor": ("Smithy-Protocol", "rpc-v2-cbor"),
    }
    return HttpRequest(
        method="POST", path="/", headers=Headers([signs[protocol]] if protocol in signs else [])
    )


def without_empties(value: Any) -> Any:
    """Return a value without its empty structures, lists and maps, which not every protocol can say."""
    if isinstance(value, dict):
        kept = {name: without_empties(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item not in ({}, [], None)}
    if isinstance(value, list):
        kept_items = [without_empties(item) for item in value]
        return [item for item in kept_items if item not in ({}, [])]
    return value


_SIMPLE: dict[str, SearchStrategy[Any]] = {
    "integer": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": st.integers(-(1 << 63), (1 << 63) - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "timestamp": TIMES,
    "blob": st.binary(min_size=1, max_size=8),
}

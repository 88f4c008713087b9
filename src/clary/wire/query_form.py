"""Forms of the query protocol: `Filter.member.1.Name=x` and so on, read into documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import ListShape, MapShape, Shape, StructureShape

from clary.core.errors import SerializationError
from clary.wire import scalars
from clary.wire.memo import Memo, PerService
from clary.wire.scalars import Mismatch
from clary.wire.xml_body import spellings

MAX_FIELDS = 50_000
MAX_DEPTH = 64
_LEAF = ""

Node = dict[str, Any]
Read = Callable[[Node], Any]


def fields(text: str) -> dict[str, str]:
    """Split a form or query string; of a repeated field the last counts."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise SerializationError("The request's form fields could not be decoded.") from error


def decode(body: bytes) -> dict[str, str]:
    """Split a request body."""
    try:
        return fields(body.decode())
    except UnicodeDecodeError as error:
        raise SerializationError("The request's form fields could not be decoded.") from error


def grow(parameters: dict[str, str]) -> Node:
    """Return the tree that the dots in the names describe."""
    root: Node = {}
    for name, value in parameters.items():
        parts = name.split(".", MAX_DEPTH)
        if len(parts) > MAX_DEPTH:
            raise SerializationError("A parameter name is nested too deeply.")
        if _LEAF in parts:
            raise SerializationError(f"The parameter name {name[:64]!r} has an empty part.")
        node = root
        for part in parts:
            node = node.setdefault(part, {})
        node[_LEAF] = value
    return root


class FormReader:
    """Turns a tree of form fields into a document."""

    def __init__(self) -> None:
        self.plan: Memo[Read] = Memo(self._build)

    def _build(self, shape: Shape) -> Read:
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            return self._list(shape)
        if isinstance(shape, MapShape):
            return self._map(shape)
        scalar = scalars.reader(shape)

        def read(node: Node) -> Any:
            if _LEAF not in node:
                raise Mismatch("A simple value was expected")
            return scalar(node[_LEAF])

        return read

    def _structure(self, shape: StructureShape) -> Read:
        known: dict[str, tuple[str, Read]] = {}

        def read(node: Node) -> dict[str, Any]:
            if not known:
                for member, target in shape.members.items():
                    for name in spellings(member, target):
                        known[name] = (member, self.plan(target))
            result = {}
            for name, child in node.items():
                field = known.get(name)
                if field is None:
                    continue
                try:
                    result[field[0]] = field[1](child)
                except Mismatch as error:
                    raise error.inside(name) from None
            return result

        return read

    def _list(self, shape: ListShape) -> Read:
        element = self.plan(shape.member)
        inner = (
            None if shape.serialization.get("flattened") else shape.member.serialization.get("name", "member")
        )
        return lambda node: [element(child) for child in _numbered(node, inner)]

    def _map(self, shape: MapShape) -> Read:
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        read_key, read_value = self.plan(shape.key), self.plan(shape.value)
        inner = None if shape.serialization.get("flattened") else "entry"

        def read(node: Node) -> dict[Any, Any]:
            result = {}
            for entry in _numbered(node, inner):
                if key_name not in entry or value_name not in entry:
                    raise Mismatch(f"A map entry needs {key_name} and {value_name}")
                result[read_key(entry[key_name])] = read_value(entry[value_name])
            return result

        return read


def _numbered(node: Node, inner: str | None) -> list[Node]:
    """Return the children called 1, 2, … in order; an empty value stands for an empty list."""
    if node.get(_LEAF):
        raise Mismatch("A list was expected")
    children = node if inner is None else node.get(inner, {})
    numbers = []
    for name in children:
        if name == _LEAF:
            continue
        if not (name.isascii() and name.isdigit() and len(name) <= 10):
            raise Mismatch(f"'{name[:64]}' is not a list index")
        numbers.append((int(name), name))
    return [children[name] for _, name in sorted(numbers)]


reader = PerService(lambda service: FormReader())

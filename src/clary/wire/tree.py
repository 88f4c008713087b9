"""Documents from and to the trees that JSON and CBOR decode to: one walk, two sets of simple values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from clary.wire.memo import Memo
from clary.wire.scalars import Mismatch

Read = Callable[[Any], Any]
Write = Callable[[Any], Any]
Scalar = Callable[[Shape], Read]


class TreeReader:
    """Turns a decoded tree into a document: known members only, simple values checked and converted.

    `inside` says that it was made in this process: members have the model's names, not the wire's, a map has
    no nulls, and paths name keys and places.
    """

    def __init__(self, scalars: Mapping[str, Scalar], *, inside: bool = False) -> None:
        self._scalars = scalars
        self._inside = inside
        self.plan: Memo[Read] = Memo(self._build)

    def _build(self, shape: Shape) -> Read:
        if isinstance(shape, StructureShape):
            return _anything if shape.is_document_type else self._structure(shape)
        if isinstance(shape, ListShape):
            return self._list(shape)
        if isinstance(shape, MapShape):
            return self._map(shape)
        return self._scalars[shape.type_name](shape)

    def _structure(self, shape: StructureShape) -> Read:
        fields: dict[str, tuple[str, Read]] = {}

        def prepare() -> None:
            for member, target in shape.members.items():
                name = member if self._inside else target.serialization.get("name", member)
                fields[name] = (member, self.plan(target))

        def read(value: Any) -> Any:
            if value.__class__ is not dict:
                raise Mismatch(f"{kind_of(value)} found where a structure was expected")
            if not fields:
                prepare()
            result = {}
            for name, item in value.items():
                field = fields.get(name)
                if field is None or item is None:
                    continue  # Services ignore members they do not know.
                try:
                    result[field[0]] = field[1](item)
                except Mismatch as error:
                    raise error.inside(name) from None
            return result

        return _exactly_one(read) if shape.is_tagged_union else read

    def _list(self, shape: ListShape) -> Read:
        element = self.plan(shape.member)
        if self._inside:
            return _numbered_list(element)

        def read(value: Any) -> Any:
            if value.__class__ is not list:
                raise Mismatch(f"{kind_of(value)} found where a list was expected")
            try:
                return [None if item is None else element(item) for item in value]
            except Mismatch as error:
                raise error.inside("member") from None

        return read

    def _map(self, shape: MapShape) -> Read:
        element = self.plan(shape.value)
        if self._inside:
            return _named_map(element)

        def read(value: Any) -> Any:
            if value.__class__ is not dict:
                raise Mismatch(f"{kind_of(value)} found where a map was expected")
            try:
                return {key: None if item is None else element(item) for key, item in value.items()}
            except Mismatch as error:
                raise error.inside("value") from None

        return read


class TreeWriter:
    """Turns a document into a tree: members the shape has and that are set, simple values converted."""

    def __init__(self, scalars: Mapping[str, Scalar]) -> None:
        self._scalars = scalars
        self.plan: Memo[Write] = Memo(self._build)

    def _build(self, shape: Shape) -> Write:
        if isinstance(shape, StructureShape):
            return _anything if shape.is_document_type else self._structure(shape)
        if isinstance(shape, ListShape):
            element = self.plan(shape.member)
            return lambda value: [None if item is None else element(item) for item in value]
        if isinstance(shape, MapShape):
            element = self.plan(shape.value)
            return lambda value: {key: None if item is None else element(item) for key, item in value.items()}
        return self._scalars[shape.type_name](shape)

    def _structure(self, shape: StructureShape) -> Write:
        fields: dict[str, tuple[str, Write]] = {}

        def prepare() -> None:
            for member, target in shape.members.items():
                fields[member] = (target.serialization.get("name", member), self.plan(target))

        def write(value: Any) -> Any:
            if not fields:
                prepare()
            result = {}
            for member, item in value.items():
                field = fields.get(member)
                if field is not None and item is not None:
                    result[field[0]] = field[1](item)
            return result

        return write


def kind_of(value: Any) -> str:
    """Name a decoded value the way the services' errors do."""
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, str):
        return "STRING_VALUE"
    if isinstance(value, (int, float)):
        return "NUMBER_VALUE"
    if isinstance(value, dict):
        return "Start of structure"
    if isinstance(value, list):
        return "Start of list"
    return "NULL_VALUE" if value is None else "Unexpected value"


def _named_map(element: Read) -> Read:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise Mismatch(f"{kind_of(value)} found where a map was expected")
        return {key: _at(str(key), element, item) for key, item in value.items() if item is not None}

    return read


def _numbered_list(element: Read) -> Read:
    def read(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise Mismatch(f"{kind_of(value)} found where a list was expected")
        return [
            None if item is None else _at(str(number), element, item) for number, item in enumerate(value)
        ]

    return read


def _at(place: str, element: Read, item: Any) -> Any:
    try:
        return element(item)
    except Mismatch as error:
        raise error.inside(place) from None


def _anything(value: Any) -> Any:
    return value


def _exactly_one(read: Read) -> Read:
    def check(value: Any) -> Any:
        result = read(value)
        if len(result) != 1:
            raise Mismatch(f"A union must have exactly one known member set, found {len(result)}")
        return result

    return check

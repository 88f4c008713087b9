"""CBOR bodies: the simple values of rpc-v2-cbor for the shared tree walk."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.model import Shape

from clary.wire import scalars, timestamps
from clary.wire.memo import PerService
from clary.wire.scalars import Mismatch
from clary.wire.tree import Read, TreeReader, TreeWriter, Write, kind_of


def _instance(kind: type, name: str) -> Callable[[Shape], Read]:
    def build(shape: Shape) -> Read:
        def read(value: Any) -> Any:
            if value.__class__ is not kind:
                raise Mismatch(f"{kind_of(value)} can not be converted to {name}")
            return value

        return read

    return build


def _integer(shape: Shape) -> Read:
    kind = shape.type_name

    def read(value: Any) -> int:
        if value.__class__ is float and value.is_integer():
            value = int(value)
        if value.__class__ is not int:
            raise Mismatch(f"{kind_of(value)} can not be converted to {kind.title()}")
        return scalars.in_range(value, kind)

    return read


def _float(shape: Shape) -> Read:
    def read(value: Any) -> float:
        if value.__class__ is not int and value.__class__ is not float:
            raise Mismatch(f"{kind_of(value)} can not be converted to Double")
        return float(value)

    return read


def _timestamp(shape: Shape) -> Read:
    def read(value: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        if (value.__class__ is not int and value.__class__ is not float) or math.isnan(value):
            raise Mismatch(f"{kind_of(value)} can not be converted to Timestamp")
        try:
            return timestamps.from_epoch(value)
        except ValueError as error:
            raise Mismatch("Timestamp is out of range") from error

    return read


def _same(shape: Shape) -> Write:
    return lambda value: value


_READERS: dict[str, Callable[[Shape], Read]] = {
    "string": _instance(str, "String"),
    "character": _instance(str, "String"),
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _instance(bool, "Boolean"),
    "blob": _instance(bytes, "Blob"),
    "timestamp": _timestamp,
}
_WRITERS: dict[str, Callable[[Shape], Write]] = {
    **dict.fromkeys(_READERS, _same),
    "float": lambda shape: float,
    "double": lambda shape: float,
}

reader = PerService(lambda service: TreeReader(_READERS))
writer = PerService(lambda service: TreeWriter(_WRITERS))

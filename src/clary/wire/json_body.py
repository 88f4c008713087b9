"""JSON bodies, shared by the json and rest-json protocols."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, NoReturn

from botocore.model import Shape

from clary.core.errors import SerializationError
from clary.wire import scalars, timestamps
from clary.wire.memo import PerService
from clary.wire.scalars import Mismatch
from clary.wire.tree import Read, TreeReader, TreeWriter, Write, kind_of

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def decode(body: bytes) -> Any:
    """Decode one JSON value; whatever is not one is a SerializationError."""
    try:
        text = body.decode()
        value = _DECODER.decode(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()  # Half a surrogate pair cannot be stored.
        return value
    except RecursionError as error:
        raise SerializationError("The request body is nested too deeply.") from error
    except ValueError as error:
        raise SerializationError("The request body is not valid JSON.") from error


def encode(value: Any) -> bytes:
    """Encode one JSON value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _string(shape: Shape) -> Read:
    def read(value: Any) -> Any:
        if value.__class__ is not str:
            raise Mismatch(f"{kind_of(value)} can not be converted to String")
        return value

    return read


def _integer(shape: Shape) -> Read:
    kind, name = shape.type_name, shape.type_name.title()

    def read(value: Any) -> int:
        if value.__class__ is float and value.is_integer():
            value = int(value)
        if value.__class__ is not int:
            raise Mismatch(f"{kind_of(value)} can not be converted to {name}")
        return scalars.in_range(value, kind)

    return read


def _float(shape: Shape) -> Read:
    def read(value: Any) -> float:
        if value.__class__ is str:
            return scalars.special(value)
        if value.__class__ is not int and value.__class__ is not float:
            raise Mismatch(f"{kind_of(value)} can not be converted to Double")
        try:
            return scalars.finite(float(value))
        except OverflowError as error:
            raise Mismatch("Numeric value out of range of double") from error

    return read


def _boolean(shape: Shape) -> Read:
    def read(value: Any) -> bool:
        if value is not True and value is not False:
            raise Mismatch(f"{kind_of(value)} can not be converted to Boolean")
        return value

    return read


def _blob(shape: Shape) -> Read:
    def read(value: Any) -> bytes:
        if value.__class__ is not str:
            raise Mismatch(f"{kind_of(value)} can not be converted to Blob")
        return scalars.blob(value)

    return read


def _timestamp(shape: Shape) -> Read:
    def read(value: Any) -> datetime:
        try:
            if value.__class__ is str:
                return timestamps.from_text(value)
            if value.__class__ is int or value.__class__ is float:
                return timestamps.from_epoch(value)
        except (ValueError, OverflowError) as error:
            raise Mismatch("Timestamp is out of range or malformed") from error
        raise Mismatch(f"{kind_of(value)} can not be converted to Timestamp")

    return read


def _same(shape: Shape) -> Write:
    return lambda value: value


def _write_timestamp(shape: Shape) -> Write:
    style = shape.serialization.get("timestampFormat", "unixTimestamp")
    if style.lower() == "unixtimestamp":
        return timestamps.to_epoch
    return lambda value: timestamps.to_text(value, style)


READERS = {
    "string": _string,
    "character": _string,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "blob": _blob,
    "timestamp": _timestamp,
}
_WRITERS = {
    "string": _same,
    "character": _same,
    "integer": _same,
    "long": _same,
    "float": lambda shape: scalars.special_name,
    "double": lambda shape: scalars.special_name,
    "boolean": _same,
    "blob": lambda shape: scalars.write_blob,
    "timestamp": _write_timestamp,
}

reader = PerService(lambda service: TreeReader(READERS))
writer = PerService(lambda service: TreeWriter(_WRITERS))

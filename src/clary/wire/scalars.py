"""Simple values as text: what headers, paths, query strings, forms and XML elements hold."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.model import Shape

from clary.wire import timestamps

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_BITS = {"integer": 32, "long": 64}


class Mismatch(Exception):
    """A value that does not fit its shape; `path` grows on the way out.

    `outside` says that it came in the path, the query or a header rather than in the body.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.path: list[str] = []
        self.outside = False

    def inside(self, name: str) -> Mismatch:
        """Note that the value lies under `name`."""
        self.path.insert(0, name)
        return self

    def __str__(self) -> str:
        return f"{self.message} (at '{'.'.join(self.path)}')" if self.path else self.message


def in_range(value: int, kind: str) -> int:
    """Return an integer that fits its type."""
    bits = _BITS.get(kind, 64)
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise Mismatch(f"Numeric value out of range of {kind}")
    return value


def finite(value: float) -> float:
    """Return a number that did not overflow; infinities are spelled out, never computed."""
    if math.isinf(value):
        raise Mismatch("Numeric value out of range of double")
    return value


def blob(text: str) -> bytes:
    """Decode base64, strictly."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Mismatch("Failed to parse base64 data") from error


def special(text: str) -> float:
    """Read the three floats that have names."""
    try:
        return _SPECIAL[text]
    except KeyError as error:
        raise Mismatch("STRING_VALUE can not be converted to Double") from error


def special_name(value: float) -> str | float:
    """Return the name of a float that has one, else the float."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def reader(shape: Shape) -> Callable[[str], Any]:
    """Return the function that reads the text of a simple shape."""
    kind = shape.type_name
    if kind in ("integer", "long"):
        return lambda text: _integer(text, kind)
    return _READERS.get(kind, _string)


def writer(shape: Shape, style: str) -> Callable[[Any], str]:
    """Return the function that writes a simple shape as text; `style` is for times that name none."""
    if shape.type_name == "timestamp":
        wanted = shape.serialization.get("timestampFormat", style)
        return lambda value: timestamps.to_text(value, wanted)
    return _WRITERS.get(shape.type_name, str)


def _string(text: str) -> str:
    return text


def _integer(text: str, kind: str) -> int:
    text = text.strip()
    if not _INTEGER.fullmatch(text):
        raise Mismatch(f"'{text[:64]}' is not a valid {kind}")
    return in_range(int(text), kind)


def _float(text: str) -> float:
    text = text.strip()
    if text in _SPECIAL:
        return _SPECIAL[text]
    if not _FLOAT.fullmatch(text):
        raise Mismatch(f"'{text[:64]}' is not a valid number")
    return finite(float(text))


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        raise Mismatch(f"'{text[:64]}' is neither true nor false")
    return lowered == "true"


def _timestamp(text: str) -> datetime:
    try:
        return timestamps.from_text(text)
    except ValueError as error:
        raise Mismatch(f"'{text[:64]}' is not a valid timestamp") from error


def _write_float(value: float) -> str:
    return str(special_name(float(value)))


def _write_boolean(value: bool) -> str:
    return "true" if value else "false"


def write_blob(value: bytes) -> str:
    """Encode base64."""
    return base64.b64encode(value).decode("ascii")


_READERS: dict[str, Callable[[str], Any]] = {
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": blob,
}
_WRITERS: dict[str, Callable[[Any], str]] = {
    "float": _write_float,
    "double": _write_float,
    "boolean": _write_boolean,
    "blob": write_blob,
}

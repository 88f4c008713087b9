"""CBOR as the rpc-v2-cbor protocol allows it: no tags but epoch times, nothing that could build cycles."""

from __future__ import annotations

import struct
from datetime import datetime
from typing import Any

from clary.core.errors import SerializationError
from clary.wire import timestamps

MAX_DEPTH = 128
_BREAK = object()
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}


def decode(body: bytes) -> Any:
    """Decode one data item that fills `body`; whatever is not one is a SerializationError."""
    decoder = _Decoder(body)
    value = decoder.item(0)
    if value is _BREAK or decoder.at != len(body):
        raise _broken()
    return value


def encode(value: Any) -> bytes:
    """Encode a tree of dicts, lists and simple values; times become epoch times."""
    out = bytearray()
    _encode(out, value)
    return bytes(out)


def _broken() -> SerializationError:
    return SerializationError("The request body is not valid CBOR.")


class _Decoder:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def item(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise SerializationError("The request body is nested too deeply.")
        initial = self._take(1)[0]
        major, info = initial >> 5, initial & 31
        if major == 7:
            return self._simple(info)
        if info == 31:
            return self._indefinite(major, depth)
        length = self._argument(info)
        if major == 0:
            return length
        if major == 1:
            return -1 - length
        if major == 2:
            return self._take(length)
        if major == 3:
            return self._text(self._take(length))
        if major == 4:
            self._plausible(length)
            return [self._value(depth) for _ in range(length)]
        if major == 5:
            self._plausible(2 * length)
            return dict(self._pair(depth) for _ in range(length))
        return self._tagged(length, depth)

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.body):
            raise _broken()
        taken = self.body[self.at : end]
        self.at = end
        return taken

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info not in _WIDTHS:
            raise _broken()
        return int.from_bytes(self._take(_WIDTHS[info]), "big")

    def _plausible(self, items: int) -> None:
        """Refuse a length no body of this size can hold, before looping over it."""
        if items > len(self.body) - self.at:
            raise _broken()

    def _text(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise _broken() from error

    def _value(self, depth: int) -> Any:
        value = self.item(depth + 1)
        if value is _BREAK:
            raise _broken()
        return value

    def _pair(self, depth: int) -> tuple[str, Any]:
        key = self._value(depth)
        if not isinstance(key, str):
            raise _broken()
        return key, self._value(depth)

    def _indefinite(self, major: int, depth: int) -> Any:
        if major in (2, 3):
            chunks: list[Any] = []
            while (chunk := self.item(depth + 1)) is not _BREAK:
                if not isinstance(chunk, bytes if major == 2 else str):
                    raise _broken()
                chunks.append(chunk)
            return b"".join(chunks) if major == 2 else "".join(chunks)
        if major == 4:
            items = []
            while (value := self.item(depth + 1)) is not _BREAK:
                items.append(value)
            return items
        if major == 5:
            pairs = {}
            while (key := self.item(depth + 1)) is not _BREAK:
                if not isinstance(key, str):
                    raise _broken()
                pairs[key] = self._value(depth)
            return pairs
        raise _broken()

    def _tagged(self, tag: int, depth: int) -> datetime:
        value = self._value(depth)
        if tag != 1 or isinstance(value, bool) or not isinstance(value, (int, float)):
            raise SerializationError(f"CBOR tag {tag} is not supported; only tag 1 (epoch time) is.")
        try:
            return timestamps.from_epoch(value)
        except ValueError as error:
            raise SerializationError("Timestamp is out of range.") from error

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info == 31:
            return _BREAK
        if info in _FLOATS:
            layout = _FLOATS[info]
            return layout.unpack(self._take(layout.size))[0]
        raise _broken()


def _head(out: bytearray, major: int, value: int) -> None:
    if value < 24:
        out.append(major << 5 | value)
    elif value < 1 << 8:
        out += bytes((major << 5 | 24, value))
    elif value < 1 << 16:
        out.append(major << 5 | 25)
        out += value.to_bytes(2, "big")
    elif value < 1 << 32:
        out.append(major << 5 | 26)
        out += value.to_bytes(4, "big")
    else:
        out.append(major << 5 | 27)
        out += value.to_bytes(8, "big")


def _encode(out: bytearray, value: Any) -> None:
    if isinstance(value, str):
        raw = value.encode()
        _head(out, 3, len(raw))
        out += raw
    elif isinstance(value, dict):
        _head(out, 5, len(value))
        for key, item in value.items():
            _encode(out, key)
            _encode(out, item)
    elif isinstance(value, list):
        _head(out, 4, len(value))
        for item in value:
            _encode(out, item)
    else:
        _encode_simple(out, value)


def _encode_simple(out: bytearray, value: Any) -> None:
    if value is None or isinstance(value, bool):
        out.append(0xF6 if value is None else 0xF5 if value else 0xF4)
    elif isinstance(value, int):
        _head(out, 0 if value >= 0 else 1, value if value >= 0 else -1 - value)
    elif isinstance(value, float):
        out += struct.pack(">Bd", 0xFB, value)
    elif isinstance(value, bytes):
        _head(out, 2, len(value))
        out += value
    elif isinstance(value, datetime):
        out.append(0xC1)
        _encode_simple(out, timestamps.to_epoch(value))
    else:
        raise TypeError(f"CBOR cannot hold a {type(value).__name__}")

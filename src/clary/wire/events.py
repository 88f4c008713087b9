"""Event streams: framed messages with typed headers (application/vnd.amazon.eventstream)."""

from __future__ import annotations

import struct
import uuid
from binascii import crc32
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.model import Shape, StructureShape

from clary.core.document import Document
from clary.core.errors import ApiError, SerializationError
from clary.wire import timestamps

CONTENT_TYPE = "application/vnd.amazon.eventstream"
HeaderValue = bool | int | bytes | str | datetime | uuid.UUID
Encode = Callable[[Shape, Any], bytes]

_PRELUDE = struct.Struct(">III")
_MAX_MESSAGE = 24 * 1024 * 1024
_FIXED = {2: 1, 3: 2, 4: 4, 5: 8}
_OVERHEAD = 16


@dataclass(frozen=True)
class Message:
    """One framed message."""

    headers: Mapping[str, HeaderValue] = field(default_factory=dict)
    payload: bytes = b""


def encode(message: Message) -> bytes:
    """Frame a message with its two checksums."""
    headers = b"".join(_encode_header(name, value) for name, value in message.headers.items())
    total = len(headers) + len(message.payload) + _OVERHEAD
    start = struct.pack(">II", total, len(headers))
    framed = start + struct.pack(">I", crc32(start)) + headers + message.payload
    return framed + struct.pack(">I", crc32(framed))


class Decoder:
    """Takes bytes as they come and gives whole messages; a broken one is a SerializationError."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Add bytes and return the messages they complete."""
        self._waiting += data
        messages = []
        while len(self._waiting) >= _PRELUDE.size:
            total, headers, checksum = _PRELUDE.unpack_from(self._waiting)
            if crc32(self._waiting[:8]) != checksum:
                raise _broken("prelude checksum does not match")
            if not _OVERHEAD <= total <= _MAX_MESSAGE or headers > total - _OVERHEAD:
                raise _broken("lengths do not add up")
            if len(self._waiting) < total:
                break
            whole = bytes(self._waiting[:total])
            del self._waiting[:total]
            if crc32(whole[:-4]) != struct.unpack(">I", whole[-4:])[0]:
                raise _broken("message checksum does not match")
            end = _PRELUDE.size + headers
            messages.append(Message(_decode_headers(whole[_PRELUDE.size : end]), whole[end:-4]))
        return messages

    def finish(self) -> None:
        """Say that no more bytes come; half a message is an error."""
        if self._waiting:
            raise _broken("it ends in the middle of a message")


def decode(data: bytes) -> list[Message]:
    """Return the messages of a complete stream."""
    decoder = Decoder()
    messages = decoder.feed(data)
    decoder.finish()
    return messages


def event(stream: StructureShape, document: Document, encode_payload: Encode, content_type: str) -> bytes:
    """Frame one event: `document` has one member, the name of the event."""
    if len(document) != 1:
        raise ValueError("an event has exactly one member")
    ((name, value),) = document.items()
    shape = stream.members[name]
    headers: dict[str, HeaderValue] = {":message-type": "event", ":event-type": name}
    payload = b""
    if isinstance(shape, StructureShape):
        rest = {}
        for member, item in value.items():
            target = shape.members.get(member)
            if target is None or item is None:
                continue
            if target.serialization.get("eventheader"):
                headers[member] = item
            elif target.serialization.get("eventpayload"):
                payload, kind = _payload(target, item, encode_payload, content_type)
                headers[":content-type"] = kind
            else:
                rest[member] = item
        if rest or not any(target.serialization.get("eventpayload") for target in shape.members.values()):
            payload = encode_payload(shape, rest)
            headers[":content-type"] = content_type
    return encode(Message(headers, payload))


def initial_response(payload: bytes, content_type: str) -> bytes:
    """Frame what an RPC protocol sends before the first event: the other members of the answer."""
    headers: dict[str, HeaderValue] = {
        ":message-type": "event",
        ":event-type": "initial-response",
        ":content-type": content_type,
    }
    return encode(Message(headers, payload))


def exception(stream: StructureShape, error: ApiError, encode_payload: Encode, content_type: str) -> bytes:
    """Frame an error that comes up after the stream has begun; unmodelled ones end it as plain errors."""
    for member, shape in stream.members.items():
        if error.code in (member, shape.name) and isinstance(shape, StructureShape):
            name = next((key for key in shape.members if key.lower() == "message"), "message")
            headers: dict[str, HeaderValue] = {
                ":message-type": "exception",
                ":exception-type": member,
                ":content-type": content_type,
            }
            return encode(Message(headers, encode_payload(shape, {name: error.message, **error.members})))
    return encode(
        Message({":message-type": "error", ":error-code": error.code, ":error-message": error.message})
    )


def events(
    stream: StructureShape, documents: Iterable[Document], encode_payload: Encode, content_type: str
) -> bytes:
    """Frame several events in a row."""
    return b"".join(event(stream, document, encode_payload, content_type) for document in documents)


def _payload(shape: Shape, value: Any, encode_payload: Encode, content_type: str) -> tuple[bytes, str]:
    if shape.type_name == "blob":
        return value, "application/octet-stream"
    if shape.type_name == "string":
        return value.encode(), "text/plain"
    return encode_payload(shape, value), content_type


def _encode_header(name: str, value: HeaderValue) -> bytes:
    raw = name.encode()
    head = bytes((len(raw),)) + raw
    if isinstance(value, bool):
        return head + (b"\x00" if value else b"\x01")
    if isinstance(value, int):
        if -(1 << 31) <= value < 1 << 31:
            return head + struct.pack(">Bi", 4, value)
        return head + struct.pack(">Bq", 5, value)
    if isinstance(value, bytes):
        return head + struct.pack(">BH", 6, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return head + struct.pack(">BH", 7, len(text)) + text
    if isinstance(value, datetime):
        return head + struct.pack(">Bq", 8, round(timestamps.to_epoch(value) * 1000))
    return head + b"\x09" + value.bytes


def _decode_headers(raw: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(raw):
            length = raw[at]
            name = raw[at + 1 : at + 1 + length].decode()
            headers[name], at = _decode_value(raw, at + 1 + length)
    except (IndexError, ValueError, struct.error) as error:
        raise _broken("a header is cut short or malformed") from error
    return headers


def _decode_value(raw: bytes, at: int) -> tuple[HeaderValue, int]:
    kind, at = raw[at], at + 1
    if kind in (0, 1):
        return kind == 0, at
    if kind in _FIXED:
        return int.from_bytes(_slice(raw, at, _FIXED[kind]), "big", signed=True), at + _FIXED[kind]
    if kind in (6, 7):
        length = int.from_bytes(_slice(raw, at, 2), "big")
        value = _slice(raw, at + 2, length)
        return value if kind == 6 else value.decode(), at + 2 + length
    if kind == 8:
        milliseconds = int.from_bytes(_slice(raw, at, 8), "big", signed=True)
        return timestamps.from_epoch(milliseconds / 1000), at + 8
    if kind == 9:
        return uuid.UUID(bytes=_slice(raw, at, 16)), at + 16
    raise ValueError(f"header type {kind} does not exist")


def _slice(raw: bytes, at: int, length: int) -> bytes:
    if at + length > len(raw):
        raise ValueError("cut short")
    return raw[at : at + length]


def _broken(why: str) -> SerializationError:
    return SerializationError(f"The event stream is malformed: {why}.")

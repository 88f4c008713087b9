"""Taking a request's body: small ones into memory, large ones to disk, nothing beyond its limit."""

from __future__ import annotations

from collections.abc import AsyncIterator

from clary.core.errors import ApiError
from clary.gateway.exchange import Disconnected, Receive
from clary.gateway.line import MOST_DROPPED
from clary.wire.message import Headers

MOST_IN_MEMORY = 16 << 20
"""Bytes of a call that is not an upload."""

BLOCK = 1 << 20
"""Bytes written to disk in one go, and the largest upload that is written only once it is whole."""


class TooLarge(ApiError):
    """A body over its limit."""

    code = "RequestEntityTooLarge"
    status = 413


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body as it comes; raise Disconnected when the client leaves before its end."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        more = message.get("more_body", False)
        if data := message.get("body", b""):
            yield data


async def in_memory(receive: Receive, headers: Headers, limit: int = MOST_IN_MEMORY) -> bytes:
    """Return the whole body, refusing early what announces itself as too large."""
    announced = headers.get("content-length") or "0"
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    message = await receive()  # nearly every call is one message, so it gets by without a list
    if message["type"] == "http.request" and not message.get("more_body", False):
        data: bytes = message.get("body", b"")
        if len(data) > limit:
            raise _too_large(limit)
        return data
    if message["type"] == "http.disconnect":
        raise Disconnected
    parts, size = [message.get("body", b"")], len(message.get("body", b""))
    async for data in chunks(receive):
        size += len(data)
        if size > limit:
            raise _too_large(limit)
        parts.append(data)
    return b"".join(parts)


async def drop(receive: Receive, headers: Headers) -> bool:
    """Read what is left of a refused body; tell whether it is all gone.

    One that is too long, or waits for leave to be sent, or does not say its length, is left.
    """
    length = headers.get("content-length") or "0"
    waits = (headers.get("expect") or "").lower() == "100-continue"
    if waits or not length.isdigit() or int(length) > MOST_DROPPED or "transfer-encoding" in headers:
        return False
    async for _ in chunks(receive):
        pass
    return True


async def blocks(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body in blocks of about `BLOCK` bytes, so that each is worth a trip to a thread."""
    parts: list[bytes] = []
    size = 0
    async for data in chunks(receive):
        parts.append(data)
        size += len(data)
        if size >= BLOCK:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body is larger than {limit} bytes.")

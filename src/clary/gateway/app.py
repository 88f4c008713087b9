"""The ASGI application: every request leaves with an answer, a request id and an audit line."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from typing import Any

from clary.core import ids
from clary.core.errors import ApiError, Moved, TryAgain
from clary.gateway import answer, body, chain, cors, internal, mlflow
from clary.gateway.audit import Entry
from clary.gateway.exchange import Disconnected, Exchange, Parts, Receive, Send
from clary.gateway.invoke import Invoker, is_prediction
from clary.gateway.line import LINE
from clary.gateway.objects import SmallObjects
from clary.gateway.points import Points
from clary.gateway.straight import Straight
from clary.gateway.waiting import Waiting
from clary.wire.message import Headers, HttpRequest, HttpResponse
from clary.wire.serialise import serialise_error

_FULL = (errno.ENOSPC, errno.EDQUOT)
_log = logging.getLogger(__name__)


class Gateway:
    """One gateway process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.invoker = Invoker(parts)
        self.straight = Straight(parts, self.invoker)
        self.small_objects = SmallObjects(parts)
        self.points = Points(parts)
        self._mlflow = mlflow.MlflowWay(parts)
        self._waiting = Waiting(parts.records.database, parts.clock, parts.pool)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway speaks http only, not {scope['type']}")
        if is_prediction(scope):
            await self.invoker.invoke(scope, receive, send)
        elif way := mlflow.way_of(scope):
            await self._mlflow.serve(scope, receive, send, way)
        elif scope["raw_path"].startswith(b"/_clary/"):
            await internal.serve(scope, send, self._parts)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        exchange = open_exchange(scope, receive, self._parts)
        exchange.waiting = self._waiting
        error = ""
        try:
            try:
                await chain.run(exchange, self._parts)
            except ApiError as refusal:
                error = refusal.code
                await self._discard(exchange)
                exchange.response = refuse(exchange, refusal)
                await _leave_no_body(exchange)
            except (TryAgain, Moved) as busy:
                _log.info("request %s: %s", exchange.id, busy)
                error = "ServiceUnavailable"
                words = f"Try again: {busy}." if isinstance(busy, TryAgain) else "Busy; try again."
                exchange.response = refuse(exchange, ApiError(words, code=error, status=503))
                await _leave_no_body(exchange)
            except OSError as broken:
                if broken.errno not in _FULL:
                    raise
                error = "ServiceUnavailable"
                words = (
                    "The disk under CLARY_HOME is full; free some space. Nothing of this request was kept."
                )
                exchange.response = refuse(exchange, ApiError(words, code=error, status=503))
                await _leave_no_body(exchange)
            if exchange.response is None:
                raise RuntimeError("the chain ended without an answer")
            cors.add(exchange, self._parts, exchange.response)
            method = exchange.request.method
            await answer.send(
                exchange.response, method, send, self._parts.pool, exchange.receive, exchange.line
            )
        except Disconnected:
            error = "ClientDisconnected"
        except Exception:
            error = "InternalFailure"
            _log.exception("request %s failed: %s", exchange.id, _described(exchange))
            exchange.response = refuse(exchange, internal_failure(exchange.id))
            with contextlib.suppress(RuntimeError):  # a part of the answer may have left already
                await answer.send(exchange.response, exchange.request.method, send, self._parts.pool)
        finally:
            await self._discard(exchange)
            self._parts.audit.add(audit_entry(exchange, error))

    async def _discard(self, exchange: Exchange) -> None:
        """Forget an upload that nobody took; to delete a large file can take a while."""
        if exchange.staging:
            staging, exchange.staging = exchange.staging, None
            await asyncio.get_running_loop().run_in_executor(self._parts.pool, staging.discard)


def open_exchange(scope: dict[str, Any], receive: Receive, parts: Parts) -> Exchange:
    """Start an exchange from what the server knows once the headers are in."""
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    request = HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=Headers(fields),
    )
    client = scope.get("client")
    return Exchange(
        id=ids.request_id(),
        began=parts.clock.now(),
        source=client[0] if client else "",
        request=request,
        receive=receive,
        line=scope.get("extensions", {}).get(LINE),
    )


def refuse(exchange: Exchange, error: ApiError) -> HttpResponse:
    """Return an error's answer in the caller's protocol, as far as it is known."""
    if exchange.service is None:
        return answer.plain_error(exchange.request, error, exchange.id)
    return serialise_error(exchange.service, exchange.operation, error, exchange.request, exchange.id)


def internal_failure(request_id: str) -> ApiError:
    """Return what a caller is told of our own mistakes."""
    return ApiError(
        f"The server failed on request {request_id}. logs/gateway.log in its home says why.",
        code="InternalFailure",
        status=500,
    )


def audit_entry(exchange: Exchange, error: str) -> Entry:
    """Return the line a finished exchange leaves."""
    credential = exchange.signed.credential if exchange.signed else None
    principal = credential.principal if credential else None
    return Entry(
        time=exchange.began,
        request_id=exchange.id,
        account=principal.account if principal else "",
        principal=principal.arn if principal else "",
        access_key=credential.access_key if credential else "",
        source_ip=exchange.source,
        service=exchange.service.service_name if exchange.service else "",
        operation=exchange.operation.name if exchange.operation else "",
        resource=exchange.resource,
        status=exchange.response.status if exchange.response else 0,
        error=error,
    )


async def _leave_no_body(exchange: Exchange) -> None:
    """Take what is left of a refused body, or close after the answer when that is too much or not yet sent.

    A body left unread would be taken for the connection's next request.
    """
    if exchange.received or await body.drop(exchange.receive, exchange.request.headers):
        return
    assert exchange.response is not None  # noqa: S101  # set by the caller
    exchange.response.headers.set("connection", "close")


def _described(exchange: Exchange) -> str:
    service = exchange.service.service_name if exchange.service else "unknown service"
    return f"{service} {exchange.operation.name if exchange.operation else 'unknown operation'}"

"""Predictions' way through the gateway: the chain's steps again, without a thread and without a parse.

Credentials and decisions are remembered until the next write to IAM, so a key or policy deleted a moment ago
is refused, and nothing here waits for anything but the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.model import StructureShape

from clary.core import ids
from clary.core.errors import AccessDenied, ApiError
from clary.gateway import answer, body, sigv4
from clary.gateway.audit import Entry
from clary.gateway.chain import session_token
from clary.gateway.exchange import Disconnected, Parts, Receive, Send
from clary.gateway.sigv4 import Signed
from clary.serving.router import Invocation, Refused, response_headers, stream_headers
from clary.serving.stream import Stream
from clary.wire import events, models
from clary.wire.message import Headers, HttpRequest
from clary.wire.serialise import event_payloads, serialise_error

MOST_BYTES = 6_291_456
"""The longest Body that the service model allows."""

_TOO_LONG = (
    "1 validation error detected: Value at 'body' failed to satisfy constraint: "
    f"Member must have length less than or equal to {MOST_BYTES}"
)
_OPERATIONS = {
    b"invocations": "InvokeEndpoint",
    b"invocations-response-stream": "InvokeEndpointWithResponseStream",
}
_log = logging.getLogger(__name__)


def is_prediction(scope: dict[str, Any]) -> bool:
    """Say whether a request is one of the operations served here."""
    path: bytes = scope["raw_path"]
    return (
        path.startswith(b"/endpoints/")
        and scope["method"] == "POST"
        and path.rpartition(b"/")[2] in _OPERATIONS
    )


@dataclass(slots=True)
class _Visit:
    """One call on its way."""

    id: str
    at: datetime
    began: float
    source: str
    operation: str
    endpoint: str
    request: HttpRequest
    signed: Signed | None = None
    resource: str = ""
    unread: bool = False


class Invoker:
    """The data plane's door in one gateway process."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._plane = parts, parts.plane

    async def invoke(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one call."""
        visit, error, status = _visit(scope, self._parts.clock.now()), "", 200
        try:
            try:
                visit.request.body = await body.in_memory(receive, visit.request.headers, MOST_BYTES)
                call = self._admit(visit, dict(scope["headers"]))
                if visit.operation == "InvokeEndpoint":
                    await self._answer(visit, call, send)
                else:
                    error = await self._stream(visit, call, send)
            except body.TooLarge:
                visit.unread = not await body.drop(receive, visit.request.headers)
                raise Refused(_TOO_LONG) from None
        except ApiError as refusal:
            error, status = refusal.code, await self._refuse(visit, refusal, send)
        except Disconnected:
            error, status = "ClientDisconnected", 0
        except Exception:
            _log.exception("request %s failed: %s %s", visit.id, visit.operation, visit.endpoint)
            failure = ApiError(f"The server failed on request {visit.id}.", code="InternalFailure")
            error, status = failure.code, 500
            with contextlib.suppress(RuntimeError):  # a part of the answer may have left already
                await self._refuse(visit, failure, send)
        finally:
            self._audit(visit, status, error)

    def _admit(self, visit: _Visit, headers: dict[bytes, bytes]) -> Invocation:
        """Verify and authorise."""
        self._plane.look()
        request, token = visit.request, session_token(visit.request)
        signed = visit.signed = sigv4.verify(
            request, lambda key: self._plane.credentials.find(key, token), visit.at
        )
        principal = signed.credential.principal
        name = visit.endpoint.lower()
        visit.resource = f"arn:aws:sagemaker:{signed.region}:{principal.account}:endpoint/{name}"
        action = f"sagemaker:{visit.operation}"
        context = {"aws:sourceip": (visit.source,), "aws:requestedregion": (signed.region,)}
        if model := headers.get(b"x-amzn-sagemaker-target-model"):
            context["sagemaker:targetmodel"] = (model.decode("latin-1"),)
        if not self._plane.authoriser.allowed(principal, action, visit.resource, context):
            raise AccessDenied(
                f"User: {principal.arn} is not authorized to perform: {action} on resource: {visit.resource} "
                f"because no policy allows the {action} action"
            )
        assert isinstance(request.body, bytes)  # noqa: S101  # taken into memory above
        return Invocation(
            account=principal.account,
            region=signed.region,
            endpoint=visit.endpoint,
            headers=headers,
            body=request.body,
            began=visit.began,
        )

    async def _answer(self, visit: _Visit, call: Invocation, send: Send) -> None:
        prediction = await self._plane.router.invoke(call)
        headers, content = response_headers(prediction), prediction.answer.body
        headers.append((b"content-length", b"%d" % len(content)))
        headers.append((b"x-amzn-requestid", visit.id.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        prediction.done(call.began)

    async def _stream(self, visit: _Visit, call: Invocation, send: Send) -> str:
        """Pass pieces on as events; return the code of an error that came up after the first one."""
        stream = Stream()
        asking = asyncio.ensure_future(self._plane.router.invoke(call, stream))
        asking.add_done_callback(lambda _: stream.end())
        started = False

        async def start() -> None:
            headers = [*stream_headers(stream), (b"x-amzn-requestid", visit.id.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

        async for piece in stream:
            if not started:
                await start()
                started = True
            await send({"type": "http.response.body", "body": _part(piece), "more_body": True})
        try:
            prediction = await asking
        except ApiError as error:
            if not started:
                raise
            why = "ModelInvocationTimeExceeded" if error.code == "ModelError" else "StreamBroken"
            late = ApiError(error.message, code="ModelStreamError", members={"ErrorCode": why})
            await send({"type": "http.response.body", "body": _late_error(late)})
            return error.code
        if not started:
            await start()
        await send({"type": "http.response.body", "body": b""})
        prediction.done(call.began)
        return ""

    async def _refuse(self, visit: _Visit, error: ApiError, send: Send) -> int:
        service = models.service("sagemaker-runtime")
        operation = service.operation_model(visit.operation)
        response = serialise_error(service, operation, error, visit.request, visit.id)
        if visit.unread:
            response.headers.set("connection", "close")  # a body left unread would be the next request
        await answer.send(response, visit.request.method, send, self._parts.pool)
        return response.status

    def _audit(self, visit: _Visit, status: int, error: str) -> None:
        credential = visit.signed.credential if visit.signed else None
        principal = credential.principal if credential else None
        self._parts.audit.add(
            Entry(
                time=visit.at,
                request_id=visit.id,
                account=principal.account if principal else "",
                principal=principal.arn if principal else "",
                access_key=credential.access_key if credential else "",
                source_ip=visit.source,
                service="sagemaker-runtime",
                operation=visit.operation,
                resource=visit.resource or visit.endpoint,
                status=status,
                error=error,
            )
        )


def _visit(scope: dict[str, Any], now: datetime) -> _Visit:
    began = time.perf_counter()
    path: str = scope["path"]
    name, _, operation = path.removeprefix("/endpoints/").rpartition("/")
    client = scope.get("client")
    fields = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
    request = HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=Headers(fields),
    )
    return _Visit(
        id=ids.request_id(),
        at=now,
        began=began,
        source=client[0] if client else "",
        operation=_OPERATIONS[operation.encode()],
        endpoint=name,
        request=request,
    )


def _part(piece: bytes) -> bytes:
    headers = {
        ":message-type": "event",
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
    }
    return events.encode(events.Message(headers, piece))


def _late_error(error: ApiError) -> bytes:
    service = models.service("sagemaker-runtime")
    stream = service.operation_model("InvokeEndpointWithResponseStream").get_event_stream_output()
    assert isinstance(stream, StructureShape)  # noqa: S101  # the model says so
    encode, content_type = event_payloads(service, "rest-json")
    return events.exception(stream, error, encode, content_type)

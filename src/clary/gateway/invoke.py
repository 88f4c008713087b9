"""Predictions' way through the gateway: the chain's steps again, without a thread and without a parse.

Credentials and decisions are remembered until the next write to IAM, so a key or policy deleted a moment ago
is refused, and nothing here waits for anything but the model.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.model import StructureShape

from clary.core import ids
from clary.core.errors import AccessDenied, ApiError
from clary.core.principal import Principal
from clary.gateway import body, sigv4
from clary.gateway.access import INFERENCE_ID, Access
from clary.gateway.audit import Entry
from clary.gateway.chain import session_token
from clary.gateway.exchange import Disconnected, Parts, Receive, Send
from clary.gateway.sigv4 import Signed
from clary.serving.invocation import Invocation, Prediction, response_headers, stream_headers
from clary.serving.refusal import Refused
from clary.serving.stream import Stream
from clary.wire import events, models
from clary.wire.message import Headers, HttpRequest
from clary.wire.serialise import event_payloads, serialise_error

_TOO_LONG = (
    "1 validation error detected: Value at 'body' failed to satisfy constraint: "
    "Member must have length less than or equal to {}"
)
_LARGE = 1 << 20  # bytes of a body that is not asked for before its caller may call
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
class Visit:
    """One call on its way. `fields` are its headers as they came; `whole` is when the last of it came."""

    id: str
    at: datetime
    began: float
    source: str
    operation: str
    endpoint: str
    fields: list[tuple[bytes, bytes]]
    request: HttpRequest
    whole: float = math.inf
    signed: Signed | None = None
    resource: str = ""
    call: Invocation | None = None
    answered: int = 0
    """Bytes of a stream that have left."""


@dataclass(slots=True)
class Reply:
    """What the caller is told. A stream that has begun is not `pending` any more."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    content: bytes = b""
    error: str = ""
    prediction: Prediction | None = None
    pending: bool = True


class Invoker:
    """The data plane's door in one gateway process."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._plane = parts, parts.plane
        self._most = parts.settings.limits.prediction_bytes

    def open(
        self,
        operation: str,
        endpoint: str,
        path: str,
        query: str,
        fields: list[tuple[bytes, bytes]],
        source: str,
    ) -> Visit:
        """Begin with a call whose headers are in."""
        request = HttpRequest(
            method="POST",
            path=path,
            query=query,
            headers=Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]),
        )
        began, now = time.perf_counter(), self._parts.clock.now()
        return Visit(ids.request_id(), now, began, source, operation, endpoint, fields, request)

    async def invoke(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer a call that came as ASGI: for a stream, or with a body that is large or in pieces."""
        visit = self._visit(scope)
        reply = gone = Reply(0, error="ClientDisconnected", pending=False)
        try:
            try:
                self._turn_away(visit)
                visit.request.body = await body.in_memory(receive, visit.request.headers, self._most)
            except ApiError as refusal:
                too_long = isinstance(refusal, body.TooLarge)
                reply = self._refusal(visit, Refused(_TOO_LONG.format(self._most)) if too_long else refusal)
                if not await body.drop(receive, visit.request.headers):
                    reply.headers.append((b"connection", b"close"))  # the rest would be the next request
            else:
                whole = visit.operation == "InvokeEndpoint"
                reply = await self.reply(visit, None if whole else (receive, send))
            await _send(reply, send)
        except Disconnected:
            reply = gone
        except RuntimeError as error:  # a part of a stream left before it failed
            _log.warning("request %s: its answer broke off: %s", visit.id, error)
        finally:
            self.settle(visit, reply)

    async def reply(self, visit: Visit, stream_to: tuple[Receive, Send] | None = None) -> Reply:
        """Return what the caller is to be told, whatever happens."""
        try:
            call = self._admit(visit)
            if stream_to is not None:
                return await self._stream(visit, call, *stream_to)
            prediction = await self._plane.router.invoke(call)
            content = prediction.answer.body
            headers = response_headers(prediction)
            headers.append((b"content-length", b"%d" % len(content)))
            headers.append((b"x-amzn-requestid", visit.id.encode()))
            return Reply(200, headers, content, prediction=prediction)
        except ApiError as refusal:
            return self._refusal(visit, refusal)
        except Disconnected:
            raise
        except Exception:
            _log.exception("request %s failed: %s %s", visit.id, visit.operation, visit.endpoint)
            failure = ApiError(f"The server failed on request {visit.id}.", code="InternalFailure")
            return self._refusal(visit, failure)

    def settle(self, visit: Visit, reply: Reply) -> None:
        """Count a call that was answered, and leave its audit line."""
        if reply.prediction is not None:
            reply.prediction.done(visit.began)
        credential = visit.signed.credential if visit.signed else None
        principal = credential.principal if credential else None
        if self._parts.access and principal:
            self._parts.access.add(_access(visit, reply, principal))
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
                status=reply.status,
                error=reply.error,
            )
        )

    def _visit(self, scope: dict[str, Any]) -> Visit:
        path: str = scope["path"]
        name, _, operation = path.removeprefix("/endpoints/").rpartition("/")
        client = scope.get("client")
        return self.open(
            _OPERATIONS[operation.encode()],
            name,
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            scope["headers"],
            client[0] if client else "",
        )

    def _turn_away(self, visit: Visit) -> None:
        """Refuse at once what the key it names may not do, so that nobody is asked for a body in vain.

        Whether the key signed it cannot be known yet, so the refusal does not say whose it is.
        """
        length = visit.request.headers.get("content-length") or ""
        scope = sigv4.peek(visit.request)
        if scope is None or (length.isdigit() and int(length) < _LARGE):
            return
        self._plane.look(visit.began)
        credential = self._plane.credentials.find(scope.access_key, session_token(visit.request))
        if credential is None:
            return
        principal, headers = credential.principal, dict(visit.fields)
        resource = _resource(visit, scope.region, principal)
        context = _context(visit, scope.region, headers)
        action = f"sagemaker:{visit.operation}"
        if not self._plane.authoriser.allowed(principal, action, resource, context):
            raise AccessDenied(
                f"The owner of the access key {scope.access_key} is not authorized to perform: {action} on "
                f"resource: {resource}. The body was not read."
            )

    def _admit(self, visit: Visit) -> Invocation:
        """Verify and authorise."""
        self._plane.look(visit.whole)
        request, token, headers = visit.request, session_token(visit.request), dict(visit.fields)
        signed = visit.signed = sigv4.verify(
            request, lambda key: self._plane.credentials.find(key, token), visit.at
        )
        principal = signed.credential.principal
        visit.resource = _resource(visit, signed.region, principal)
        action = f"sagemaker:{visit.operation}"
        context = _context(visit, signed.region, headers)
        if not self._plane.authoriser.allowed(principal, action, visit.resource, context):
            raise self._plane.authoriser.refusal(principal, action, visit.resource, context)
        assert isinstance(request.body, bytes)  # noqa: S101  # taken into memory above
        visit.call = Invocation(
            account=principal.account,
            region=signed.region,
            endpoint=visit.endpoint,
            headers=headers,
            body=request.body,
            began=visit.began,
        )
        return visit.call

    async def _stream(self, visit: Visit, call: Invocation, receive: Receive, send: Send) -> Reply:
        """Pass pieces on as events; a caller who leaves ends the model's work on them."""
        stream = Stream()
        asking = asyncio.ensure_future(self._plane.router.invoke(call, stream))
        asking.add_done_callback(lambda _: stream.end())
        leaving = asyncio.ensure_future(receive())
        leaving.add_done_callback(lambda _: asking.cancel())
        try:
            return await self._pass_on(visit, stream, asking, send)
        except asyncio.CancelledError:
            if asking.cancelled() and leaving.done():
                raise Disconnected from None
            raise
        finally:
            asking.cancel()
            leaving.cancel()

    async def _pass_on(
        self, visit: Visit, stream: Stream, asking: asyncio.Future[Prediction], send: Send
    ) -> Reply:
        """Send the pieces; say how it ended, an error that came up after the first one included."""
        started = False

        async def start() -> None:
            headers = [*stream_headers(stream), (b"x-amzn-requestid", visit.id.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

        async for piece in stream:
            if not started:
                await start()
                started = True
            await send({"type": "http.response.body", "body": _part(piece), "more_body": True})
            visit.answered += len(piece)
        try:
            prediction = await asking
        except ApiError as error:
            if not started:
                raise
            late = isinstance(error.__cause__, TimeoutError)
            why = "ModelInvocationTimeExceeded" if late else "StreamBroken"
            broken = ApiError(error.message, code="ModelStreamError", members={"ErrorCode": why})
            await send({"type": "http.response.body", "body": _late_error(broken)})
            return Reply(200, error=error.code, pending=False)
        if not started:
            await start()
        await send({"type": "http.response.body", "body": b""})
        return Reply(200, prediction=prediction, pending=False)

    def _refusal(self, visit: Visit, error: ApiError) -> Reply:
        service = models.service("sagemaker-runtime")
        operation = service.operation_model(visit.operation)
        response = serialise_error(service, operation, error, visit.request, visit.id)
        assert isinstance(response.body, bytes)  # noqa: S101  # errors are never files
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers]
        if "content-length" not in response.headers:
            headers.append((b"content-length", b"%d" % len(response.body)))
        return Reply(response.status, headers, response.body, error.code)


async def _send(reply: Reply, send: Send) -> None:
    if reply.pending:
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.content})


def _access(visit: Visit, reply: Reply, principal: Principal) -> Access:
    call, body = visit.call, visit.request.body
    return Access(
        visit.at,
        visit.id,
        visit.source,
        principal.account,
        principal.arn,
        visit.operation,
        visit.resource,
        call.variant if call else "",
        call.host if call else "",
        reply.status,
        reply.error,
        len(body) if isinstance(body, bytes) else 0,
        visit.answered or len(reply.content),
        call.model_seconds if call else 0.0,
        time.perf_counter() - visit.began,
        call.headers.get(INFERENCE_ID, b"") if call else b"",
    )


def _resource(visit: Visit, region: str, principal: Principal) -> str:
    return f"arn:aws:sagemaker:{region}:{principal.account}:endpoint/{visit.endpoint.lower()}"


def _context(visit: Visit, region: str, headers: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Return what conditions may ask: evidence/invoke-permissions.md."""
    context: dict[str, tuple[str, ...]] = {
        "aws:sourceip": (visit.source,),
        "aws:requestedregion": (region,),
        "aws:securetransport": ("false",),
    }
    if agent := headers.get(b"user-agent"):
        context["aws:useragent"] = (agent.decode("latin-1"),)
    container = headers.get(b"x-amzn-sagemaker-target-container-hostname")
    if container:
        context["sagemaker:targetcontainerhostname"] = (container.decode("latin-1"),)
    if model := headers.get(b"x-amzn-sagemaker-target-model", container):
        context["sagemaker:targetmodel"] = (model.decode("latin-1"),)
    return context


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

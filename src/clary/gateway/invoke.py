"""InvokeEndpoint's way through the gateway: the chain's steps again, without a thread and without a parse.

Credentials and decisions are remembered until the next write to IAM, so a key or policy deleted a moment ago
is refused, and nothing here waits for anything but the model.
"""

from __future__ import annotations

import contextlib
import logging
import time
from datetime import datetime
from typing import Any

from clary.core import ids
from clary.core.errors import AccessDenied, ApiError
from clary.gateway import answer, body, sigv4
from clary.gateway.audit import Entry
from clary.gateway.chain import session_token
from clary.gateway.exchange import Disconnected, Parts, Receive, Send
from clary.gateway.sigv4 import Signed
from clary.serving.router import Invocation, Prediction, Refused, response_headers
from clary.wire import models
from clary.wire.message import Headers, HttpRequest
from clary.wire.serialise import serialise_error

MOST_BYTES = 6_291_456
"""The longest Body that the service model allows."""

_TOO_LONG = (
    "1 validation error detected: Value at 'body' failed to satisfy constraint: "
    f"Member must have length less than or equal to {MOST_BYTES}"
)
_ACTION = "sagemaker:InvokeEndpoint"
_log = logging.getLogger(__name__)


class Invoker:
    """The data plane's door in one gateway process."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._plane = parts, parts.plane

    async def invoke(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one InvokeEndpoint call."""
        began, at = time.perf_counter(), self._parts.clock.now()
        request_id, error, status = ids.request_id(), "", 200
        signed: Signed | None = None
        request = _request(scope)
        name = _endpoint_name(scope)
        try:
            try:
                request.body = await body.in_memory(receive, request.headers, MOST_BYTES)
                self._plane.look()
                signed = self._verify(request, at)
                self._authorise(signed, name, scope, request)
                call = Invocation(
                    account=signed.credential.principal.account,
                    region=signed.region,
                    endpoint=name,
                    headers=dict(scope["headers"]),
                    body=request.body,
                    began=began,
                )
                prediction = await self._plane.router.invoke(call)
                await _send(send, prediction, request_id)
                prediction.done(began)
            except body.TooLarge:
                raise Refused(_TOO_LONG) from None
        except ApiError as refusal:
            error, status = refusal.code, await self._refuse(request, refusal, request_id, send)
        except Disconnected:
            error, status = "ClientDisconnected", 0
        except Exception:
            _log.exception("request %s failed: InvokeEndpoint %s", request_id, name)
            failure = ApiError(f"The server failed on request {request_id}.", code="InternalFailure")
            error, status = failure.code, 500
            with contextlib.suppress(RuntimeError):  # a part of the answer may have left already
                await self._refuse(request, failure, request_id, send)
        finally:
            self._audit(scope, signed, at, request_id, name, status, error)

    def _verify(self, request: HttpRequest, now: datetime) -> Signed:
        token = session_token(request)
        return sigv4.verify(request, lambda key: self._plane.credentials.find(key, token), now)

    def _authorise(self, signed: Signed, name: str, scope: dict[str, Any], request: HttpRequest) -> None:
        principal = signed.credential.principal
        arn = _arn(signed, name)
        context = {"aws:sourceip": (_source(scope),), "aws:requestedregion": (signed.region,)}
        if model := request.headers.get("x-amzn-sagemaker-target-model"):
            context["sagemaker:targetmodel"] = (model,)
        if not self._plane.authoriser.allowed(principal, _ACTION, arn, context):
            raise AccessDenied(
                f"User: {principal.arn} is not authorized to perform: {_ACTION} on resource: {arn} "
                f"because no policy allows the {_ACTION} action"
            )

    async def _refuse(self, request: HttpRequest, error: ApiError, request_id: str, send: Send) -> int:
        service = models.service("sagemaker-runtime")
        operation = service.operation_model("InvokeEndpoint")
        response = serialise_error(service, operation, error, request, request_id)
        if error.code == Refused.code and error.message == _TOO_LONG:
            response.headers.set("connection", "close")  # the rest of the body was not read
        await answer.send(response, request.method, send, self._parts.pool)
        return response.status

    def _audit(
        self,
        scope: dict[str, Any],
        signed: Signed | None,
        at: datetime,
        request_id: str,
        name: str,
        status: int,
        error: str,
    ) -> None:
        principal = signed.credential.principal if signed else None
        self._parts.audit.add(
            Entry(
                time=at,
                request_id=request_id,
                account=principal.account if principal else "",
                principal=principal.arn if principal else "",
                access_key=signed.credential.access_key if signed else "",
                source_ip=_source(scope),
                service="sagemaker-runtime",
                operation="InvokeEndpoint",
                resource=_arn(signed, name) if signed else name,
                status=status,
                error=error,
            )
        )


async def _send(send: Send, prediction: Prediction, request_id: str) -> None:
    headers = response_headers(prediction)
    content = prediction.answer.body
    headers.append((b"content-length", b"%d" % len(content)))
    headers.append((b"x-amzn-requestid", request_id.encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _request(scope: dict[str, Any]) -> HttpRequest:
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=Headers([(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]),
    )


def _endpoint_name(scope: dict[str, Any]) -> str:
    name: str = scope["path"].removeprefix("/endpoints/").removesuffix("/invocations")
    return name


def _source(scope: dict[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _arn(signed: Signed, name: str) -> str:
    account = signed.credential.principal.account
    return f"arn:aws:sagemaker:{signed.region}:{account}:endpoint/{name.lower()}"

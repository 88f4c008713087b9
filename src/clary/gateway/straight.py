"""Predictions on the straight way: whole when they come, admitted by what is known, answered by a callback.

Whoever is not admitted here, or needs more than a choice of a host, goes the way of all others as if it had
come to it first: `Admission` and `Router.straight` say yes or nothing, and until then nothing is done. What
came in one turn of the event loop is admitted after one look at the database and posted in one write.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime

from clary.core import ids
from clary.core.errors import ApiError
from clary.core.principal import Credential
from clary.gateway.access import INFERENCE_ID, Access
from clary.gateway.admission import Admission
from clary.gateway.audit import Entry
from clary.gateway.exchange import Parts
from clary.gateway.invoke import Invoker, Reply
from clary.gateway.whole import Whole, check_header
from clary.serving.connection import Answer, BadAnswer, Host, HostLost, Unsent
from clary.serving.head import head
from clary.serving.invocation import KEPT, Invocation, Prediction, response_headers
from clary.serving.router import Way
from clary.wire import models
from clary.wire.message import Headers, HttpRequest
from clary.wire.serialise import serialise_error

Tell = Callable[[int, bytes, bytes], None]
"""Takes an answer: its status, its headers as they go over the line, its body."""

_MOST_HEADS = 256
_log = logging.getLogger(__name__)


class Call:
    """One prediction from the moment it came. `decline` is called where it cannot go the straight way."""

    __slots__ = (
        "asked",
        "at",
        "began",
        "body",
        "credential",
        "decline",
        "due",
        "head",
        "id",
        "invocation",
        "resource",
        "source",
        "tell",
        "way",
        "whole",
        "work",
    )

    asked: float
    at: datetime
    credential: Credential
    due: float
    head: bytes
    id: str
    invocation: Invocation
    resource: str
    way: Way
    work: Straight

    def __init__(
        self, whole: Whole, source: str, began: float, tell: Tell, decline: Callable[[], None]
    ) -> None:
        self.whole, self.body, self.source, self.began = whole, whole.body, source, began
        self.tell, self.decline = tell, decline

    def told(self, answer: Answer) -> None:
        """Pass on what the host answered."""
        self.work.answered(self, answer)

    def lost(self, error: HostLost | BadAnswer | TimeoutError) -> None:
        """Pass on that there is no answer, or ask again where the host cannot have been asked."""
        if isinstance(error, Unsent):
            self.work.ask(self)
        else:
            self.work.failed(self, error)


class Straight:
    """The straight way of one gateway process."""

    def __init__(self, parts: Parts, invoker: Invoker) -> None:
        self._invoker = invoker
        self._clock, self._audit, self._plane = parts.clock, parts.audit, parts.plane
        self._access = parts.access
        self._patience = parts.settings.limits.model_seconds
        self._admission = Admission(parts.plane)
        self._turn: list[Call] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._heads: dict[tuple[str, bytes], bytes] = {}

    def take(self, call: Call) -> None:
        """Serve a call once all that came in this turn of the event loop was read."""
        if not self._turn:
            asyncio.get_running_loop().call_soon(self._serve)
        self._turn.append(call)

    def ask(self, call: Call) -> None:
        """Ask a host over a connection of the call's own."""
        task = asyncio.get_running_loop().create_task(self._ask(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def answered(self, call: Call, answer: Answer) -> None:
        """Tell the caller what the host answered."""
        try:
            way = call.way
            prediction = self._plane.router.prediction(call.invocation, way, call.asked, answer, way.host.uid)
            common = self._common(prediction)
        except ApiError as error:
            self._refuse(call, error)
            return
        except Exception:
            _log.exception("request %s failed: InvokeEndpoint %s", call.id, call.whole.endpoint)
            words = f"The server failed on request {call.id}."
            self._refuse(call, ApiError(words, code="InternalFailure"))
            return
        body = answer.body
        call.tell(
            200,
            b"%bcontent-length: %d\r\nx-amzn-requestid: %b\r\n" % (common, len(body), call.id.encode()),
            body,
        )
        prediction.done(call.began)
        self._note(call, 200, "", len(body))

    def failed(self, call: Call, error: HostLost | BadAnswer | TimeoutError) -> None:
        """Tell the caller that there is no answer."""
        router = self._plane.router
        self._refuse(call, router.failure(call.invocation, call.way, call.asked, error, self._patience))

    def gone(self, call: Call) -> None:
        """Take note of a call whose caller left before anything was done."""
        whole, invoker = call.whole, self._invoker
        path, fields = whole.path.decode(), [*whole.headers.items()]
        visit = invoker.open("InvokeEndpoint", whole.endpoint, path, "", fields, call.source)
        invoker.settle(visit, Reply(0, error="ClientDisconnected"))

    def _serve(self) -> None:
        calls, self._turn = self._turn, []
        now, looked = self._clock.now(), False
        posts: dict[Host, list[Call]] = {}
        for call in calls:
            try:
                if not looked:
                    self._plane.look(time.perf_counter())
                    self._admission.look()
                    looked = True
                begun = self._begin(call, now)
            except Exception:  # which is said in the same words on the way of all others
                begun = False
            if begun:
                posts.setdefault(call.way.host, []).append(call)
            else:
                call.decline()
        for host, orders in posts.items():
            if not host.post(orders, self._patience):
                for call in orders:
                    self.ask(call)

    def _begin(self, call: Call, now: datetime) -> bool:
        whole = call.whole
        admitted = self._admission.admit(whole, now)
        if admitted is None:
            return False
        call.credential, region, call.resource = admitted
        call.invocation = Invocation(
            account=call.credential.principal.account,
            region=region,
            endpoint=whole.endpoint,
            headers=whole.headers,
            body=whole.body,
            began=call.began,
        )
        way = self._plane.router.straight(call.invocation)
        if way is None:
            return False
        call.head = head(whole.headers, len(whole.body))
        call.work, call.way, call.at, call.id = self, way, now, ids.request_id()
        call.asked = time.perf_counter()
        return True

    async def _ask(self, call: Call) -> None:
        router, patience = self._plane.router, self._patience
        try:
            try:
                answer = await call.way.host.ask(call.head, call.body, patience)
            except Unsent as unsent:
                call.way, _, answer = await router.ask_another(call.invocation, call.way, unsent, patience)
        except (HostLost, BadAnswer, TimeoutError) as error:
            self.failed(call, error)
        else:
            self.answered(call, answer)

    def _common(self, prediction: Prediction) -> bytes:
        """Return the headers of an answer as they go over the line, but for those that no two calls share."""
        headers = prediction.answer.headers
        if not KEPT.isdisjoint(headers):
            return _lines(response_headers(prediction))
        key = (prediction.variant, headers.get(b"content-type", b""))
        lines = self._heads.get(key)
        if lines is None:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            lines = self._heads[key] = _lines(response_headers(prediction))
        return lines

    def _refuse(self, call: Call, error: ApiError) -> None:
        service = models.service("sagemaker-runtime")
        fields = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in call.whole.headers.items()
        ]
        request = HttpRequest(method="POST", path=call.whole.path.decode(), headers=Headers(fields))
        operation = service.operation_model("InvokeEndpoint")
        response = serialise_error(service, operation, error, request, call.id)
        body = response.body
        assert isinstance(body, bytes)  # noqa: S101  # errors are never files
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers]
        if "content-length" not in response.headers:
            headers.append((b"content-length", b"%d" % len(body)))
        call.tell(response.status, _lines(headers), body)
        self._note(call, response.status, error.code, len(body))

    def _note(self, call: Call, status: int, error: str, answered: int) -> None:
        credential = call.credential
        principal = credential.principal
        if self._access:
            asked = call.invocation
            self._access.add(
                Access(
                    call.at,
                    call.id,
                    call.source,
                    principal.account,
                    principal.arn,
                    "InvokeEndpoint",
                    call.resource,
                    asked.variant,
                    asked.host,
                    status,
                    error,
                    len(call.body),
                    answered,
                    asked.model_seconds,
                    time.perf_counter() - call.began,
                    asked.headers.get(INFERENCE_ID, b""),
                )
            )
        self._audit.add(
            Entry(
                time=call.at,
                request_id=call.id,
                account=principal.account,
                principal=principal.arn,
                access_key=credential.access_key,
                source_ip=call.source,
                service="sagemaker-runtime",
                operation="InvokeEndpoint",
                resource=call.resource,
                status=status,
                error=error,
            )
        )


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        check_header(name, value)
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])

"""One asynchronous request from its input to its answer; how it ends is `settlement`'s."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from clary.core import ids
from clary.core.errors import ApiError
from clary.core.received import Received
from clary.engines.inference import asynchronous as telling
from clary.serving.asynchronous.asking import Answer, ask
from clary.serving.asynchronous.doors import Doors, Endpoint, Host
from clary.serving.asynchronous.rights import OCTETS, Fault, permit, split
from clary.serving.asynchronous.settlement import SMALL, Ended, Settlement
from clary.serving.connection import HostLost, Unsent
from clary.serving.head import CUSTOM, passed_on
from clary.store.invocations.queue import Accepted

LARGEST = 1 << 30
"""Bytes of an input that InvokeEndpointAsync takes."""

MOST_TRIES = 3
"""Hosts that may be lost over one request until it is to blame."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Input:
    body: bytes | Path
    kind: str


class Work:
    """One request of an endpoint's that this process claimed, and the host that is to answer it."""

    def __init__(self, doors: Doors, pool: Executor, endpoint: Endpoint, host: Host, one: Accepted) -> None:
        self._doors, self._pool = doors, pool
        self.endpoint, self._host, self.one = endpoint, host, one
        self._place = (endpoint.account, endpoint.region, endpoint.name)
        self._claimed = doors.now()
        self._received: list[Received] = []

    async def ask(self) -> Ended:
        """Ask the host; raises HostLost if it may be worth asking another."""
        waited = {"TimeInBacklog": float(max(self._claimed - self.one.received, 0))}
        begun = time.perf_counter()
        try:
            source = await self._in_pool(self._input)
        except Fault as fault:
            return Ended(measured={**waited, fault.counted: 1}, reason=str(fault))
        asked = time.perf_counter()
        waited["RequestDownloadLatency"] = _micros(asked - begun)
        seconds = self.one.request["InvocationTimeoutSeconds"]
        try:
            async with asyncio.timeout(seconds):
                answer = await self._through(source)
        except TimeoutError:
            return Ended(measured=waited, reason=telling.late(seconds))
        except Unsent:
            raise
        except HostLost:
            if self.one.tries + 1 < MOST_TRIES:
                raise
            return Ended(measured=waited, reason=telling.lost(MOST_TRIES))
        measured = {
            **waited,
            "ModelLatency": _micros(time.perf_counter() - asked),
            "Invocation4XXErrors": float(400 <= answer.status < 500),
            "Invocation5XXErrors": float(answer.status >= 500),
        }
        reason = ""
        if answer.status >= 400:
            text = answer.body.start(1024).decode("utf-8", "replace")
            reason = telling.model_failure(answer.status, text)
        return Ended(measured=measured, reason=reason, answer=answer)

    def too_old(self) -> Ended:
        """Say that the request waited for too long."""
        waited = float(self._claimed - self.one.received)
        reason = telling.expired(self.one.request["RequestTTLSeconds"])
        return Ended(measured={"TimeInBacklog": waited, "ExpiredRequests": 1}, reason=reason)

    def settlement(self, ended: Ended) -> Settlement:
        """Return what is to be settled."""
        return Settlement(self._doors, self.endpoint, self._host, self.one, ended)

    def discard(self) -> None:
        """Remove the files that answers lay in."""
        for each in self._received:
            each.discard()

    async def _in_pool(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _input(self) -> _Input:
        request = self.one.request
        kind = request.get("ContentType", "")
        if self.one.body is not None:
            return _Input(self.one.body, kind or OCTETS)
        counted = "RequestDownloadFailures"
        permit(self._doors, self._host.role, "s3:GetObject", request["InputLocation"], counted)
        bucket, key = split(request["InputLocation"])
        try:
            info = self._doors.objects.get(bucket, key)
        except ApiError as error:
            where = request["InputLocation"]
            reason = f"ClientError: The request could not be downloaded from {where}: {error.message}"
            raise Fault(reason, counted) from error
        if info.size > LARGEST:
            reason = (
                f"ClientError: The request has {info.size} bytes; the most that can be sent is {LARGEST}."
            )
            raise Fault(reason, counted)
        return _Input(info.path, kind or info.attributes.get("ContentType", OCTETS))

    async def _through(self, source: _Input) -> Answer:
        """Ask each container in turn; the first that fails is the last that is asked."""
        request = self.one.request
        headers = {b"content-type": source.kind.encode("latin-1", "replace")}
        given = {
            b"accept": "Accept",
            CUSTOM: "CustomAttributes",
            b"x-amzn-sagemaker-inference-id": "InferenceId",
        }
        headers |= {name: request[of].encode("latin-1") for name, of in given.items() if request.get(of)}
        body, sockets = source.body, self._host.sockets
        for number, socket in enumerate(sockets, 1):
            last = number == len(sockets)
            received = Received(self._doors.objects.staging / f"invocation-{ids.uid()}", SMALL)
            self._received.append(received)
            sent = (
                passed_on(headers, headers.get(b"content-type"), last=last) if len(sockets) > 1 else headers
            )
            try:
                answer = await ask(socket, sent, body, received)
            except Unsent as error:
                if number == 1:
                    raise
                raise HostLost(f"{error}; the containers before it had answered") from error
            if answer.status >= 400 or last:
                return answer
            content = received.content
            body = received.file() if content is None else content
            headers[b"content-type"] = answer.headers.get(b"content-type", OCTETS.encode())
        raise HostLost("the host has no container")


def _micros(seconds: float) -> float:
    return float(round(seconds * 1e6))

"""One asynchronous request from its input to its settlement (ADR 16).

The answer, the notification and the end of the request become true together where the answer is small; a
large one is put before. Whoever dies on the way leaves a request that somebody claims again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from clary.core import ids
from clary.core.errors import ApiError
from clary.core.received import Received
from clary.engines.inference import asynchronous as telling
from clary.engines.inference.asynchronous import Outcome
from clary.serving.asynchronous.asking import Answer, ask
from clary.serving.asynchronous.doors import Doors, Endpoint, Host
from clary.serving.connection import HostLost
from clary.serving.head import CUSTOM, passed_on
from clary.store.invocations.queue import Accepted
from clary.store.times import from_micros

LARGEST = 1 << 30
"""Bytes of an input that InvokeEndpointAsync takes."""

SMALL = 1 << 20
"""Bytes of an answer that is put in the transaction that settles its request."""

MOST_TRIES = 3
"""Hosts that may be lost over one request until it is to blame."""

T = TypeVar("T")
_OCTETS = "application/octet-stream"


class _Fault(Exception):
    """The request cannot be done: why, and which metric counts it."""

    def __init__(self, reason: str, counted: str) -> None:
        super().__init__(reason)
        self.counted = counted


@dataclass(frozen=True)
class _Input:
    body: bytes | Path
    kind: str


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """How asking ended: an answer, or a reason without one."""

    measured: Mapping[str, float]
    reason: str = ""
    answer: Answer | None = None


class Work:
    """One request of an endpoint's that this process claimed, and the host that is to answer it."""

    def __init__(self, doors: Doors, pool: Executor, endpoint: Endpoint, host: Host, one: Accepted) -> None:
        self._doors, self._pool = doors, pool
        self.endpoint, self._host, self.one = endpoint, host, one
        self._place = (endpoint.account, endpoint.region, endpoint.name)
        self._claimed = doors.now()
        self._received: list[Received] = []

    async def ask(self) -> _Ended:
        """Ask the host; raises HostLost if it may be worth asking another."""
        waited = {"TimeInBacklog": float(max(self._claimed - self.one.received, 0))}
        begun = time.perf_counter()
        try:
            source = await self._in_pool(self._input)
        except _Fault as fault:
            return _Ended(measured={**waited, fault.counted: 1}, reason=str(fault))
        asked = time.perf_counter()
        waited["RequestDownloadLatency"] = _micros(asked - begun)
        seconds = self.one.request["InvocationTimeoutSeconds"]
        try:
            async with asyncio.timeout(seconds):
                answer = await self._through(source)
        except TimeoutError:
            return _Ended(measured=waited, reason=telling.late(seconds))
        except HostLost:
            if self.one.tries + 1 < MOST_TRIES:
                raise
            return _Ended(measured=waited, reason=telling.lost(MOST_TRIES))
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
        return _Ended(measured=measured, reason=reason, answer=answer)

    def too_old(self) -> _Ended:
        """Say that the request waited for too long."""
        waited = float(self._claimed - self.one.received)
        reason = telling.expired(self.one.request["RequestTTLSeconds"])
        return _Ended(measured={"TimeInBacklog": waited, "ExpiredRequests": 1}, reason=reason)

    def settle(self, ended: _Ended) -> None:
        """Write the answer or what is kept of the failure, tell the topic, and forget the request."""
        measured, begun = dict(ended.measured), time.perf_counter()
        reason, answer = ended.reason, ended.answer
        if not reason and answer is not None:
            try:
                self._permit("s3:PutObject", self.one.request["OutputLocation"])
                self._put_large(self.one.request["OutputLocation"], answer)
            except _Fault as fault:
                reason, answer = str(fault), None
                measured[fault.counted] = 1
        with self._doors.records.database.write() as connection:
            if not self._doors.invocations.settled(connection, self.one.id):
                return  # the lease ran out: whoever has the request now settles it
            if not reason and answer is not None:
                try:
                    outcome = self._deliver(answer)
                except _Fault as fault:
                    reason, answer = str(fault), None
                    measured[fault.counted] = 1
            if reason:
                outcome = self._keep_failure(reason, answer)
            measured["ResponseUploadLatency"] = _micros(time.perf_counter() - begun)
            told = self._notify(outcome, measured)
            self._note(outcome, told)
        measured |= {"InvocationFailures": 1} if reason else {}
        measured["TotalProcessingTime"] = float(max(self._doors.now() - self.one.received, 0))
        measured["InvocationsProcessed"] = 1
        self._doors.measures.add(self._place, self._host.variant, **measured)

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
            return _Input(self.one.body, kind or _OCTETS)
        counted = "RequestDownloadFailures"
        self._permit("s3:GetObject", request["InputLocation"], counted)
        bucket, key = _split(request["InputLocation"])
        try:
            info = self._doors.objects.get(bucket, key)
        except ApiError as error:
            where = request["InputLocation"]
            reason = f"ClientError: The request could not be downloaded from {where}: {error.message}"
            raise _Fault(reason, counted) from error
        if info.size > LARGEST:
            reason = (
                f"ClientError: The request has {info.size} bytes; the most that can be sent is {LARGEST}."
            )
            raise _Fault(reason, counted)
        return _Input(info.path, kind or info.attributes.get("ContentType", _OCTETS))

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
            answer = await ask(socket, sent, body, received)
            if answer.status >= 400 or last:
                return answer
            content = received.content
            body = received.file() if content is None else content
            headers[b"content-type"] = answer.headers.get(b"content-type", _OCTETS.encode())
        raise HostLost("the host has no container")

    def _permit(self, action: str, uri: str, counted: str = "ResponseUploadFailures") -> None:
        """Raise what a role without the right to read or write is told."""
        bucket, key = _split(uri)
        resource, role = f"arn:aws:s3:::{bucket}/{key}", self._host.role
        try:
            allowed = self._doors.allowed(role, action, resource)
        except ApiError as error:
            raise _Fault(
                f"ClientError: The role {role} cannot be assumed: {error.message}", counted
            ) from error
        if not allowed:
            reason = (
                f"ClientError: The role {role} is not authorized to perform: {action} on resource: {resource}"
            )
            raise _Fault(reason, counted)

    def _put_large(self, uri: str, answer: Answer) -> None:
        """Make an answer that lies in a file an object; done twice, it is one object all the same."""
        if answer.body.content is None:
            bucket, key = _split(uri)
            try:
                self._doors.objects.adopt(bucket, key, answer.body.file(), content_type=_kind(answer))
            except ApiError as error:
                raise _refused(uri, error) from error

    def _deliver(self, answer: Answer) -> Outcome:
        """Put a small answer, as part of the transaction that settles it."""
        uri: str = self.one.request["OutputLocation"]
        content = answer.body.content
        if content is not None:
            bucket, key = _split(uri)
            try:
                self._doors.objects.put(bucket, key, content, {"ContentType": _kind(answer)})
            except ApiError as error:
                raise _refused(uri, error) from error
        return Outcome(content_type=_kind(answer), content=content, written=uri)

    def _keep_failure(self, reason: str, answer: Answer | None) -> Outcome:
        """Put the model's own answer, or the reason where there is none, where failures are kept."""
        content = answer.body.start(SMALL) if answer else reason.encode()
        kind = _kind(answer) if answer else "text/plain"
        outcome = Outcome(reason=reason, content_type=kind, content=content)
        uri = self.one.request.get("FailureLocation")
        if uri is None:
            return outcome
        try:
            self._permit("s3:PutObject", uri)
            bucket, key = _split(uri)
            self._doors.objects.put(bucket, key, content, {"ContentType": kind})
        except (_Fault, ApiError) as error:
            return Outcome(reason=f"{reason} (And nothing could be written to {uri}: {error})")
        return Outcome(reason=reason, content_type=kind, content=content, written=uri)

    def _notify(self, outcome: Outcome, measured: dict[str, float]) -> str:
        """Tell the topic, if there is one; return why it could not be told."""
        config, region = self.endpoint.config, self.endpoint.region
        if not (topic := telling.topic(config, outcome)):
            return ""
        message = telling.notification(
            config,
            self.one.request,
            outcome,
            region=region,
            received=from_micros(self.one.received * 1000),
            now=self._doors.clock.now(),
        )
        try:
            if self._doors.allowed(self._host.role, "sns:Publish", topic):
                self._doors.publish(self._host.role, region, topic, json.dumps(message))
                return ""
            why = f"the role {self._host.role} is not authorized to perform: sns:Publish on resource: {topic}"
        except ApiError as error:
            why = error.message
        measured["NotificationFailures"] = 1
        return f" The topic {topic} could not be told: {why}"

    def _note(self, outcome: Outcome, untold: str) -> None:
        """Leave the request's line in the endpoint's data log."""
        account, region, name = self._place
        inference = self.one.request["InferenceId"]
        told = outcome.reason or f"Inference request succeeded. Its answer is in {outcome.written}."
        line = f"Inference id {inference}: {told}{untold}"
        stream = f"{self._host.variant}/{self._host.uid or 'none'}/data-log"
        group = f"/aws/sagemaker/Endpoints/{name}"
        self._doors.logs.put(account, region, group, stream, [(self._doors.now(), line)])


def _kind(answer: Answer) -> str:
    return answer.headers.get(b"content-type", _OCTETS.encode()).decode("latin-1")


def _refused(uri: str, error: ApiError) -> _Fault:
    return _Fault(f"ClientError: The answer could not be written to {uri}: {error}", "ResponseUploadFailures")


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _micros(seconds: float) -> float:
    return float(round(seconds * 1e6))

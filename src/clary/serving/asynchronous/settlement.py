"""How one request ends: its answer or what is kept of its failure, and what is told of it (ADR 16).

The answer and the end of the request become true together where the answer is small; a large one is put
before. Whoever dies on the way leaves a request that somebody claims again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.inference import asynchronous as telling
from clary.engines.inference.asynchronous import Outcome
from clary.serving.asynchronous.asking import Answer
from clary.serving.asynchronous.doors import Doors, Endpoint, Host
from clary.serving.asynchronous.rights import OCTETS, Fault, permit, split
from clary.store.invocations.queue import Accepted
from clary.store.times import from_micros

SMALL = 1 << 20
"""Bytes of an answer that is put in the transaction that settles its request."""

_UPLOAD = "ResponseUploadFailures"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How asking ended: an answer, or a reason without one."""

    measured: Mapping[str, float]
    reason: str = ""
    answer: Answer | None = None


class Settlement:
    """One request of an endpoint's that was asked, and how that ended."""

    def __init__(self, doors: Doors, endpoint: Endpoint, host: Host, one: Accepted, ended: Ended) -> None:
        self._doors, self._endpoint, self._host, self._one = doors, endpoint, host, one
        self._measured = dict(ended.measured)
        self._reason, self._answer = ended.reason, ended.answer
        self._outcome: Outcome | None = None
        self.prepared = False

    def prepare(self) -> None:
        """Put what is too large for the transaction; done twice, it is one object all the same."""
        if not self._reason and self._answer is not None:
            uri = self._one.request["OutputLocation"]
            try:
                permit(self._doors, self._host.role, "s3:PutObject", uri, _UPLOAD)
                self._put_large(uri, self._answer)
            except Fault as fault:
                self._fail(fault)
        self.prepared = True

    def write(self) -> bool:
        """Write the answer or what is kept of the failure, and forget the request; False if it is not ours.

        Within a `write` of the caller's, which may be undone and done again.
        """
        begun = time.perf_counter()
        with self._doors.records.database.write() as connection:
            if not self._doors.invocations.settled(connection, self._one.id):
                self._outcome = None
                return False  # the lease ran out: whoever has the request now settles it
        if not self._reason and self._answer is not None:
            try:
                self._outcome = self._deliver(self._answer)
            except Fault as fault:
                self._fail(fault)
        if self._reason:
            self._outcome = self._keep_failure(self._reason, self._answer)
        self._measured["ResponseUploadLatency"] = _micros(time.perf_counter() - begun)
        self._measured.pop("NotificationFailures", None)  # of a time that was undone
        return True

    @property
    def topic(self) -> tuple[str, str, str] | None:
        """The role, the region and the topic by which the outcome is told, if it is."""
        told = self._outcome and telling.topic(self._endpoint.config, self._outcome)
        return (self._host.role, self._endpoint.region, told) if told else None

    def message(self) -> Document:
        """Return what the topic is told."""
        assert self._outcome is not None  # noqa: S101  # asked only where there is a topic
        return telling.notification(
            self._endpoint.config,
            self._one.request,
            self._outcome,
            region=self._endpoint.region,
            received=from_micros(self._one.received * 1000),
            now=self._doors.clock.now(),
        )

    def line(self, untold: str) -> tuple[tuple[str, str, str, str], str]:
        """Return the stream of the request's line in the endpoint's data log, and the line.

        `untold` says why the topic could not be told, if it could not.
        """
        outcome = self._outcome or Outcome()
        if untold:
            self._measured["NotificationFailures"] = 1
        told = outcome.reason or f"Inference request succeeded. Its answer is in {outcome.written}."
        stream = f"{self._host.variant}/{self._host.uid or 'none'}/data-log"
        group = f"/aws/sagemaker/Endpoints/{self._endpoint.name}"
        place = (self._endpoint.account, self._endpoint.region, group, stream)
        return place, f"Inference id {self._one.request['InferenceId']}: {told}{untold}"

    def measure(self) -> None:
        """Take note of what the request took, now that it is settled."""
        if self._outcome is None:
            return
        measured = self._measured | ({"InvocationFailures": 1} if self._reason else {})
        measured["TotalProcessingTime"] = float(max(self._doors.now() - self._one.received, 0))
        measured["InvocationsProcessed"] = 1
        place = (self._endpoint.account, self._endpoint.region, self._endpoint.name)
        self._doors.measures.add(place, self._host.variant, **measured)

    def _fail(self, fault: Fault) -> None:
        self._reason, self._answer = str(fault), None
        self._measured[fault.counted] = 1

    def _put_large(self, uri: str, answer: Answer) -> None:
        if answer.body.content is None:
            bucket, key = split(uri)
            try:
                self._doors.objects.adopt(bucket, key, answer.body.file(), content_type=_kind(answer))
            except ApiError as error:
                raise _refused(uri, error) from error

    def _deliver(self, answer: Answer) -> Outcome:
        """Put a small answer, as part of the transaction that settles it."""
        uri: str = self._one.request["OutputLocation"]
        content = answer.body.content
        if content is not None:
            bucket, key = split(uri)
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
        uri = self._one.request.get("FailureLocation")
        if uri is None:
            return outcome
        try:
            permit(self._doors, self._host.role, "s3:PutObject", uri, _UPLOAD)
            bucket, key = split(uri)
            self._doors.objects.put(bucket, key, content, {"ContentType": kind})
        except (Fault, ApiError) as error:
            return Outcome(reason=f"{reason} (And nothing could be written to {uri}: {error})")
        return Outcome(reason=reason, content_type=kind, content=content, written=uri)


def _kind(answer: Answer) -> str:
    return answer.headers.get(b"content-type", OCTETS.encode()).decode("latin-1")


def _refused(uri: str, error: ApiError) -> Fault:
    return Fault(f"ClientError: The answer could not be written to {uri}: {error}", _UPLOAD)


def _micros(seconds: float) -> float:
    return float(round(seconds * 1e6))

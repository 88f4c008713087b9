"""Captured calls on their way to S3: collected where predictions are answered, written now and then.

A capture is best effort, as AWS's is: a prediction never waits for it, and a gateway that is killed takes
its last seconds' captures with it. What cannot be written is said in the endpoint's log.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from clary.core import ids
from clary.core.clock import Clock
from clary.core.errors import ApiError, TryAgain
from clary.engines.inference.capture import Capture, Exchanged, line, place
from clary.store.logs import Logs
from clary.store.objects import Objects
from clary.store.times import micros

MOST_BYTES = 64 << 20
"""Bytes of calls that wait to be written; more of them are dropped."""

STREAM = "data-capture"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One variant whose calls are captured, and whose role writes them."""

    capture: Capture
    account: str
    region: str
    endpoint: str
    variant: str
    role: str


@dataclass
class _Waiting:
    """The calls of one variant that wait."""

    calls: list[Exchanged] = field(default_factory=list)
    dropped: int = 0


class Captures:
    """What one gateway process captured and has not yet written. Only the event loop's thread comes here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[Source, _Waiting] = {}
        self._bytes = 0

    def add(
        self, source: Source, sent: bytes, asked: Mapping[bytes, bytes], answered: bytes, content_type: bytes
    ) -> None:
        """Keep a call, or let it go: `InitialSamplingPercentage` says how often."""
        if random.random() * 100 >= source.capture.percent:  # noqa: S311 - a sample, not a secret
            return
        waiting = self._waiting.setdefault(source, _Waiting())
        size = len(sent) + len(answered)
        if self._bytes + size > MOST_BYTES:
            waiting.dropped += 1
            return
        self._bytes += size
        waiting.calls.append(
            Exchanged(
                id=ids.request_id(),
                time=self._clock.now(),
                sent=sent,
                sent_type=asked.get(b"content-type", b"application/octet-stream").decode("latin-1"),
                answered=answered,
                answered_type=content_type.decode("latin-1"),
                inference_id=asked.get(b"x-amzn-sagemaker-inference-id", b"").decode("latin-1"),
                attributes=asked.get(b"x-amzn-sagemaker-custom-attributes", b"").decode("latin-1"),
            )
        )

    def take(self) -> dict[Source, _Waiting]:
        """Return what waits, and forget it."""
        taken, self._waiting, self._bytes = self._waiting, {}, 0
        return taken


class CaptureWriter:
    """Writes what a process captured."""

    def __init__(
        self,
        captures: Captures,
        objects: Objects,
        logs: Logs,
        allowed: Callable[[str, str, str], bool],
        clock: Clock,
        pool: Executor,
    ) -> None:
        self._captures, self._objects, self._logs = captures, objects, logs
        self._allowed, self._clock, self._pool = allowed, clock, pool

    async def write(self) -> None:
        """Write what waits: one file a variant and hour."""
        if taken := self._captures.take():
            await asyncio.get_running_loop().run_in_executor(self._pool, self._write_all, taken)

    def _write_all(self, taken: Mapping[Source, _Waiting]) -> None:
        for source, waiting in taken.items():
            hours: dict[str, list[Exchanged]] = {}
            for call in waiting.calls:
                hours.setdefault(f"{call.time:%Y%m%d%H}", []).append(call)
            for calls in hours.values():
                self._write(source, calls)
            if waiting.dropped:
                self._tell(source, f"{waiting.dropped} calls came too fast to be captured.")

    def _write(self, source: Source, calls: list[Exchanged]) -> None:
        uri = place(source.capture.uri, source.endpoint, source.variant, calls[0].time, ids.request_id())
        bucket, _, key = uri.partition("://")[2].partition("/")
        lines = (line(source.capture, call) for call in calls)
        try:
            if not self._allowed(source.role, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}"):
                why = f"the role {source.role} may not s3:PutObject to arn:aws:s3:::{bucket}/{key}"
            else:
                body = "".join(f"{each}\n" for each in lines).encode()
                self._objects.put(bucket, key, body, {"ContentType": "application/jsonlines"})
                return
        except ApiError as error:
            why = error.message
        except (TryAgain, OSError) as error:
            why = str(error)
        self._tell(source, f"{len(calls)} captured calls could not be written to {uri}: {why}")

    def _tell(self, source: Source, words: str) -> None:
        _log.warning("endpoint %s: %s", source.endpoint, words)
        group = f"/aws/sagemaker/Endpoints/{source.endpoint}"
        at = micros(self._clock.now()) // 1000
        try:
            self._logs.put(source.account, source.region, group, f"{source.variant}/{STREAM}", [(at, words)])
        except (TryAgain, OSError) as error:
            _log.warning("the endpoint's own log cannot be told: %s", error)

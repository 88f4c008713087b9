"""What invocations come to, as CloudWatch's metrics of functions. evidence/lambda.md"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from concurrent.futures import Executor

from clary.core.clock import Clock
from clary.core.errors import TryAgain
from clary.serving.reporting import columns
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.record import Record
from clary.store.times import micros

NAMESPACE = "AWS/Lambda"
Key = tuple[str, str, str, str, str]
"""Account, region, function, metric and unit."""

_log = logging.getLogger(__name__)


class Measures:
    """Counts in one process, until they are reported."""

    def __init__(self) -> None:
        self._counts: dict[Key, Counter[float]] = {}

    def called(self, record: Record, seconds: float, *, failed: bool) -> None:
        """Count an invocation."""
        self._add(record, "Invocations", "Count", 1.0)
        self._add(record, "Errors", "Count", float(failed))
        self._add(record, "Duration", "Milliseconds", round(seconds * 1e3, 3))
        self._add(record, "Throttles", "Count", 0.0)

    def throttled(self, record: Record) -> None:
        """Count one that was turned away."""
        self._add(record, "Throttles", "Count", 1.0)

    def take(self) -> dict[Key, Counter[float]]:
        """Return the counts, and begin anew."""
        taken, self._counts = self._counts, {}
        return taken

    def _add(self, record: Record, metric: str, unit: str, value: float) -> None:
        key = record.account, record.region, str(record.doc["FunctionName"]), metric, unit
        self._counts.setdefault(key, Counter())[value] += 1


class Reporting:
    """Writes what was counted."""

    def __init__(self, measures: Measures, metrics: Metrics, clock: Clock, pool: Executor | None) -> None:
        self._measures, self._metrics, self._clock, self._pool = measures, metrics, clock, pool

    async def report(self) -> None:
        """Write what came since the last report."""
        if taken := self._measures.take():
            await asyncio.get_running_loop().run_in_executor(self._pool, self._write, taken)

    def _write(self, taken: dict[Key, Counter[float]]) -> None:
        at = micros(self._clock.now()) // 1_000_000 * 1000
        points: list[tuple[Series, Columns]] = []
        for (account, region, function, metric, unit), counted in taken.items():
            subject = subject_of([("FunctionName", function)])
            series = Series(account, region, NAMESPACE, metric, subject, unit, STANDARD)
            points.append((series, columns(counted, at)))
        try:
            self._metrics.put(points)
        except (TryAgain, OSError) as error:
            _log.warning("what the last seconds' invocations came to is lost: %s", error)

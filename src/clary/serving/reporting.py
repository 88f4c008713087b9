"""Predictions as metrics of CloudWatch, in its namespace AWS/SageMaker (evidence/endpoint-metrics.md).

Every few seconds a gateway process writes what its tallies counted meanwhile. A process that is killed takes
its last seconds' figures with it, never a prediction.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor

from clary.core.clock import Clock
from clary.core.errors import TryAgain
from clary.serving.router import Router
from clary.serving.tally import Calls
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.times import micros

NAMESPACE = "AWS/SageMaker"
_FINE = 1  # second, the high resolution
_log = logging.getLogger(__name__)


class Reporter:
    """Reports for one gateway process."""

    def __init__(self, router: Router, metrics: Metrics, clock: Clock, pool: Executor) -> None:
        self._router, self._metrics, self._clock, self._pool = router, metrics, clock, pool
        self._since = self._now()

    async def report(self) -> None:
        """Write what was counted since the last report, at the second it began in."""
        since, self._since = self._since, self._now()
        batch = [
            point
            for (account, region, endpoint, variant), tally in self._router.tallies.items()
            if (calls := tally.take())
            for point in points(account, region, endpoint, variant, calls, int(since) * 1000)
        ]
        if batch:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._write, batch)

    def _write(self, batch: Sequence[tuple[Series, Columns]]) -> None:
        try:
            self._metrics.put(batch)
        except (TryAgain, OSError) as error:
            _log.warning("the endpoints' metrics of the last seconds are lost: %s", error)

    def _now(self) -> float:
        return micros(self._clock.now()) / 1e6


def points(
    account: str, region: str, endpoint: str, variant: str, calls: Calls, at: int
) -> Iterator[tuple[Series, Columns]]:
    """Say one variant's calls as points of CloudWatch's metrics, all at one time in milliseconds."""
    subject = subject_of([("EndpointName", endpoint), ("VariantName", variant)])
    told: list[tuple[str, str, dict[float, int]]] = [
        ("Invocations", "None", {1.0: calls.statuses.total()}),
        ("InvocationsPerInstance", "None", {1 / max(1, each): calls.hosts[each] for each in calls.hosts}),
        ("Invocation4XXErrors", "None", _errors(calls.statuses, range(400, 500))),
        ("Invocation5XXErrors", "None", _errors(calls.statuses, range(500, 600))),
        ("InvocationModelErrors", "None", _errors(calls.statuses, range(400, 600))),
        ("ModelLatency", "Microseconds", _values(calls.model)),
        ("OverheadLatency", "Microseconds", _values(calls.overhead)),
    ]
    if calls.statuses:
        for name, unit, counted in told:
            yield Series(account, region, NAMESPACE, name, subject, unit, STANDARD), columns(counted, at)
    if calls.under_way:
        series = Series(account, region, NAMESPACE, "ConcurrentRequestsPerModel", subject, "None", _FINE)
        yield series, columns(calls.under_way, at)


def columns(counted: Mapping[float, int], at: int) -> Columns:
    """Return how often each value was measured, all at one time in milliseconds."""
    columns = Columns.empty("qdd")
    for value, count in sorted(counted.items()):
        columns.append(at, value, count)
    return columns


def _errors(statuses: Counter[int], which: range) -> dict[float, int]:
    """Return a 1 for every such answer, and a 0 for every other."""
    found = sum(count for status, count in statuses.items() if status in which)
    counted = {1.0: found, 0.0: statuses.total() - found}
    return {value: count for value, count in counted.items() if count}


def _values(counted: Counter[int]) -> dict[float, int]:
    return {float(value): count for value, count in counted.items()}

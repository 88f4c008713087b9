"""Asynchronous requests as metrics of CloudWatch, in AWS/SageMaker (evidence/async-inference.md)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from clary.store.invocations.queue import Backlog
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import STANDARD, subject_of

NAMESPACE = "AWS/SageMaker"
Place = tuple[str, str, str]
"""Account, region and endpoint."""

_UNITS = {
    "ModelLatency": "Microseconds",
    "RequestDownloadLatency": "Microseconds",
    "ResponseUploadLatency": "Microseconds",
    "TimeInBacklog": "Milliseconds",
    "TotalProcessingTime": "Milliseconds",
    "Invocation4XXErrors": "None",
    "Invocation5XXErrors": "None",
    "ApproximateAgeOfOldestRequest": "Seconds",
}


class Measures:
    """What one process measured and has not written yet. Safe to share between threads."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._seen: dict[Series, Counter[float]] = {}

    def add(self, place: Place, variant: str, **values: float) -> None:
        """Take note of what one request of a variant's was measured to take."""
        whose = [("EndpointName", place[2]), ("VariantName", variant)]
        self._add(place, whose, values)

    def backlog(self, place: Place, backlog: Backlog, hosts: int, now: int) -> None:
        """Take note of how much an endpoint has to do; `now` is in milliseconds."""
        values: dict[str, float] = {
            "ApproximateBacklogSize": backlog.size,
            "HasBacklogWithoutCapacity": float(bool(backlog.size and not hosts)),
        }
        if hosts:
            values["ApproximateBacklogSizePerInstance"] = backlog.size / hosts
        if backlog.size:
            values["ApproximateAgeOfOldestRequest"] = max(now - backlog.oldest, 0) / 1000
        self._add(place, [("EndpointName", place[2])], values)

    def write(self, now: int) -> None:
        """Write what was measured since the last time, at a time in milliseconds."""
        with self._lock:
            seen, self._seen = self._seen, {}
        batch = []
        for series, counted in seen.items():
            columns = Columns.empty("qdd")
            for value, count in sorted(counted.items()):
                columns.append(now // 1000 * 1000, value, count)
            batch.append((series, columns))
        if batch:
            self._metrics.put(batch)

    def _add(self, place: Place, whose: Iterable[tuple[str, str]], values: dict[str, float]) -> None:
        account, region, _ = place
        subject = subject_of([*whose])
        with self._lock:
            for name, value in values.items():
                unit = _UNITS.get(name, "Count")
                series = Series(account, region, NAMESPACE, name, subject, unit, STANDARD)
                self._seen.setdefault(series, Counter())[float(value)] += 1

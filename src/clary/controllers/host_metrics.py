"""What hosts use of their CPUs, memory and disk, as metrics of CloudWatch (evidence/host-metrics.md).

A run's samples are pulled by byte offset. A controller that was restarted reads them from the start, and
leaves out what is kept already.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from clary.controllers.means import Means
from clary.core.document import Document
from clary.store.metrics import Columns, Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.records import Record

NAMES = {"cpu": "CPUUtilization", "memory": "MemoryUtilization", "disk": "DiskUtilization"}
UNIT = "Percent"


class HostMetrics:
    """Takes in the samples of every run of one process's controllers."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._offsets: dict[str, int] = {}

    def take(
        self, owner: Record, uid: str, space: str, dimensions: Sequence[tuple[str, str]], *, ended: bool
    ) -> None:
        """Keep what a run was measured to use since the last look."""
        data = self._means.runtime.usage(uid, self._offsets.get(uid, 0))
        if data:
            samples = [json.loads(line) for line in data.splitlines()]
            self._keep(owner, space, subject_of(dimensions), samples, again=uid not in self._offsets)
        if ended:
            self._offsets.pop(uid, None)
        else:
            self._offsets[uid] = self._offsets.get(uid, 0) + len(data)

    def _keep(
        self, owner: Record, space: str, subject: str, samples: Sequence[Document], *, again: bool
    ) -> None:
        batch = []
        for member, name in NAMES.items():
            series = Series(owner.account, owner.region, space, name, subject, UNIT, STANDARD)
            points = [(each["time"] // 1000 * 1000, each[member]) for each in samples if member in each]
            known = self._known(series, points[0][0]) if again and points else set()
            columns = Columns.empty("qd")
            for point in points:
                if point not in known:
                    columns.append(*point)
            if len(columns):
                batch.append((series, columns))
        self._means.metrics.put(batch)

    def _known(self, series: Series, since: int) -> set[tuple[int, float]]:
        kept = self._means.metrics.read(series, since)
        return {point for each in kept for point in zip(each.times, each.values, strict=True)}

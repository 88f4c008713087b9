"""The platform's own metrics: noted where they arise at the cost of an append, written now and then.

A metric is worth less than what it tells of: the newest are kept when too many come at once, and whoever
notes one never waits and never fails.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from clary.core.errors import TryAgain
from clary.store.metrics.columns import Columns
from clary.store.metrics.store import STANDARD, Metrics, subject_of
from clary.store.metrics.writer import Series

log = logging.getLogger(__name__)

EVERY = 1.0  # Seconds between two writes.
MOST = 200_000  # Values that wait to be written.
Dimensions = Sequence[tuple[str, str]]


class _Note(NamedTuple):
    place: tuple[str, str, str, str, tuple[tuple[str, str], ...], str, int]
    at: float
    value: float


class Emitter:
    """Collects values of all threads; one thread of its owner's runs `run`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._notes: deque[_Note] = deque(maxlen=MOST)

    def put(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        value: float,
        *,
        dimensions: tuple[tuple[str, str], ...] = (),
        unit: str = "None",
        resolution: int = STANDARD,
        at: float | None = None,
    ) -> None:
        """Note a value, measured now or at a time in seconds since 1970."""
        place = (account, region, namespace, name, dimensions, unit, resolution)
        self._notes.append(_Note(place, time.time() if at is None else at, value))

    def flush(self) -> int:
        """Write what was noted, and return how many values there were."""
        batch: dict[Series, Columns] = {}
        known: dict[object, Series] = {}
        count = 0
        while self._notes:
            note = self._notes.popleft()
            series = known.get(note.place)
            if series is None:
                account, region, space, name, dimensions, unit, resolution = note.place
                subject = subject_of(dimensions)
                series = known[note.place] = Series(account, region, space, name, subject, unit, resolution)
            batch.setdefault(series, Columns.empty("qd")).append(int(note.at) * 1000, note.value)
            count += 1
        self._metrics.put([*batch.items()])
        return count

    def run(self, stop: threading.Event) -> None:
        """Write every second until `stop` is set, and once more then."""
        while not stop.wait(EVERY):
            self._try()
        self._try()

    def _try(self) -> None:
        try:
            self.flush()
        except TryAgain as slow:
            log.warning("metrics of the last second are lost: %s", slow)

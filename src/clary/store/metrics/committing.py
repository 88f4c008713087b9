"""Points of callers that do not wait for the disk: those that arrive together become one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clary.store.database import Database
from clary.store.metrics.writer import Batch
from clary.store.objects.commit import Committer, Pending


class PendingPoints(Pending[None]):
    """One batch on its way to disk. `told` is called once it is there, or refused as a whole."""

    def __init__(self, batch: Batch, told: Callable[[Pending[None]], None]) -> None:
        super().__init__(lambda _: None, told)
        self._results = [None]  # there is nothing to say of points that are on disk
        self.batch = batch


class PointCommitter(Committer):
    """Takes batches from any thread; a thread of its own writes them, series by series."""

    def __init__(self, database: Database, put: Callable[[Batch], None]) -> None:
        super().__init__(database, name="points")
        self._put = put

    def _write(self, batch: Sequence[Pending[object]]) -> None:
        self._put([pair for each in batch if isinstance(each, PendingPoints) for pair in each.batch])

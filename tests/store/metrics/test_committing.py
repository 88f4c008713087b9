"""Points that arrive together are one transaction, and one batch's fault is not another's."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import SimpleQueue

from tests.databases import kept, opened

from clary.store.metrics.committing import PendingPoints, PointCommitter
from clary.store.metrics.store import resource_points, resource_series
from clary.store.metrics.writer import Batch
from clary.store.objects.commit import Pending

PATIENCE = 90


def test_batches_that_gather_while_one_is_written_are_written_together(tmp_path: Path) -> None:
    begun, go_on, written = threading.Event(), threading.Event(), list[int]()

    def put(batch: Batch) -> None:
        written.append(len(batch))
        begun.set()
        assert go_on.wait(PATIENCE)

    told: SimpleQueue[Pending[None]] = SimpleQueue()
    committer = kept(PointCommitter(opened(tmp_path / "clary.db"), put))
    committer.submit(PendingPoints(_batch("first"), told.put))
    assert begun.wait(PATIENCE)
    for number in range(9):
        committer.submit(PendingPoints(_batch(f"later-{number}"), told.put))
    assert told.empty()
    go_on.set()
    for _ in range(10):
        told.get(timeout=PATIENCE).result()
    assert written == [1, 9]


def test_a_batch_that_is_refused_keeps_no_other_from_disk(tmp_path: Path) -> None:
    begun, go_on, written = threading.Event(), threading.Event(), list[str]()

    def put(batch: Batch) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        if any(series.name == "bad" for series, _ in batch):
            raise OSError("the disk says no")
        written.extend(series.name for series, _ in batch)

    told: SimpleQueue[tuple[str, BaseException | None]] = SimpleQueue()

    def submit(name: str) -> None:
        def tell(pending: Pending[None]) -> None:
            try:
                pending.result()
            except OSError as error:
                told.put((name, error))
            else:
                told.put((name, None))

        committer.submit(PendingPoints(_batch(name), tell))

    committer = kept(PointCommitter(opened(tmp_path / "clary.db"), put))
    submit("first")
    assert begun.wait(PATIENCE)
    for name in ("one", "bad", "two"):
        submit(name)
    go_on.set()
    ends = dict(told.get(timeout=PATIENCE) for _ in range(4))
    assert {name for name, error in ends.items() if error} == {"bad"}
    assert written == ["first", "one", "two"]


def _batch(name: str) -> Batch:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:experiment-trial-component/c"
    return [(resource_series("000000000000", "us-east-1", arn, name), resource_points([(0, 0, 1.0)]))]

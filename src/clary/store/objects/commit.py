"""Writes of several callers in one transaction: one wait for the disk serves them all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from sqlalchemy import Connection

from clary.core.errors import ApiError
from clary.store.database import Database

_WINDOW = 0.001  # Seconds that writes wait for others, where others came the last time.
_MOST = 64  # Writes of one transaction; each waits for all.
T = TypeVar("T")


class Pending(Generic[T]):
    """One write on its way. `told` is called on the committing thread once it is on disk or refused."""

    def __init__(self, work: Callable[[Connection], T], told: Callable[[Pending[T]], None]) -> None:
        self.work = work
        self._told = told
        self._results: list[T] = []
        self._error: BaseException | None = None

    def attempt(self, connection: Connection) -> None:
        """Do the work; a refusal is kept for the caller and does not touch the others."""
        self._error = None
        try:
            self._results = [self.work(connection)]
        except ApiError as refusal:
            self._error = refusal

    def settle(self, error: BaseException | None = None) -> None:
        """Tell the caller how it ended."""
        self._error = error or self._error
        self._told(self)

    def result(self) -> T:
        """Return what the work returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]


class Committer:
    """Takes writes from any thread and commits those together that arrive together.

    A piece of work raises its ApiErrors before it writes anything, and does not wait for other pieces.
    """

    def __init__(self, database: Database, *, name: str = "commit") -> None:
        self._database = database
        self._name = name
        self._queue: SimpleQueue[Pending[object] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do one write and wait until it is on disk; within a `write` of this thread, as part of that."""
        if self._database.writing:
            with self._database.write() as connection:
                return work(connection)
        done = threading.Event()
        pending = Pending(work, lambda _: done.set())
        self.submit(pending)
        done.wait()
        return pending.result()

    def submit(self, pending: Pending[T]) -> None:
        """Queue one write; returns at once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
        self._queue.put(pending)  # type: ignore[arg-type]  # what it returns only its caller looks at

    def close(self) -> None:
        """Finish what is queued and stop."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _serve(self) -> None:
        company = 1
        while (first := self._queue.get()) is not None:
            batch = [first]
            until = time.monotonic() + _WINDOW
            while len(batch) < _MOST and (item := self._next(len(batch) < company, until)) is not None:
                batch.append(item)
            self._commit(batch)
            company = max(len(batch), company // 2)

    def _next(self, awaited: bool, until: float) -> Pending[object] | None:
        """Return the next write that is here, or comes soon where one is awaited; else None."""
        try:
            if awaited and (left := until - time.monotonic()) > 0:
                return self._again(self._queue.get(timeout=left))
            return self._again(self._queue.get_nowait())
        except Empty:
            return None

    def _again(self, item: Pending[object] | None) -> Pending[object] | None:
        """Leave the word that it is over for the next look."""
        if item is None:
            self._queue.put(None)
        return item

    def _commit(self, batch: Sequence[Pending[object]]) -> None:
        try:
            self._write(batch)
        except Exception as failure:  # whatever it is, its caller is to raise it
            if len(batch) == 1:
                batch[0].settle(failure)
                return
            for pending in batch:  # nothing was written; each alone, so that one's fault is not the others'
                self._commit([pending])
        else:
            for pending in batch:
                pending.settle()

    def _write(self, batch: Sequence[Pending[object]]) -> None:
        with self._database.write() as connection:
            for pending in batch:
                pending.attempt(connection)

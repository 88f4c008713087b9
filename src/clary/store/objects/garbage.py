"""Content that nothing names any more: noted in the transaction that let go of it, unlinked after a grace.

Between reading a row and opening the file it names, the row may be replaced. The grace lets such a reader,
and a job whose inputs are about to be linked, still find the file; who has it open or linked may keep it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select

from clary.core.clock import Clock
from clary.core.errors import TryAgain
from clary.store.database import Database
from clary.store.objects.content import Content
from clary.store.objects.tables import GARBAGE
from clary.store.statement import Statement
from clary.store.times import micros

GRACE = timedelta(seconds=60)
_BATCH = 500
_THROW = Statement(insert(GARBAGE).values(content=bindparam("content"), since=bindparam("since")))
_log = logging.getLogger(__name__)


def throw_away(connection: Connection, contents: Iterable[str], now: datetime) -> None:
    """Note that no row names these contents any more, in the transaction that made it so."""
    for content in contents:
        _THROW.run(connection, content=content, since=micros(now))


class Collector:
    """Unlinks thrown-away content once its grace is over: on a timer after each `note`, and at start."""

    def __init__(self, database: Database, content: Content, clock: Clock, grace: timedelta) -> None:
        self._database, self._content, self._clock, self._grace = database, content, clock, grace
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._closed = False

    def note(self) -> None:
        """See to it that what is thrown away by now is collected in time, if this process lives that long."""
        with self._lock:
            if self._timer is None and not self._closed:
                self._timer = threading.Timer(self._grace.total_seconds() + 1, self._ring)
                self._timer.daemon = True
                self._timer.start()

    def collect(self) -> int:
        """Unlink what is due and return how much that was; twice, or from two processes, does no harm."""
        due = GARBAGE.c.since <= micros(self._clock.now() - self._grace)
        collected = 0
        while True:
            with self._database.read() as connection:
                contents = connection.scalars(select(GARBAGE.c.content).where(due).limit(_BATCH)).all()
            if not contents:
                return collected
            self._content.discard(contents)
            with self._database.write() as connection:
                connection.execute(delete(GARBAGE).where(GARBAGE.c.content.in_(contents)))
            collected += len(contents)

    def close(self) -> None:
        """Stop the timer; what is left is collected at the next start."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
        try:
            count = self.collect()
        except TryAgain:
            self.note()
        else:
            _log.debug("collected %d contents", count)

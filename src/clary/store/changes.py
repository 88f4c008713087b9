"""Whether anything changed: how caches find out for the price of one PRAGMA."""

from __future__ import annotations

import threading
import time

from sqlalchemy import select

from clary.resources.spec import Resource
from clary.store.database import Database
from clary.store.statement import Lookup, Statement
from clary.store.tables import CHANGES

_COUNTS = Statement(select(CHANGES.c.service, CHANGES.c.kind, CHANGES.c.generation))


class Changes:
    """Counts the writes to each kind, those of other processes included. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._watch = database.watch()
        self._counts = Lookup(database, _COUNTS)
        self._lock = threading.Lock()
        self._seen: int | None = None
        self._generations: dict[tuple[str, str], int] = {}

    def generation(self, *kinds: Resource) -> int:
        """Return a number that is larger after any record of these kinds was created, written or deleted."""
        self.look()
        return self.known(*kinds)

    def look(self) -> None:
        """Take note of everything written until now."""
        with self._lock:
            version = self._watch()
            if version != self._seen:
                self._generations = self._read()
                self._seen = version

    def state(self) -> object:
        """Return what is another object once anything was written, as of the last look."""
        return self._generations

    def known(self, *kinds: Resource) -> int:
        """Return the generation as of the last look."""
        generations = self._generations
        return sum([generations.get((kind.service, kind.kind), 0) for kind in kinds])

    def _read(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for service, kind, generation in self._counts.rows():
            found[service, kind] = found.get((service, kind), 0) + generation
        return found


class Glance:
    """Changes for one who looks once and then asks often: a prediction passes through three caches."""

    def __init__(self, changes: Changes) -> None:
        self._look, self._known, self._state = changes.look, changes.known, changes.state
        self._looked = 0.0

    def look(self, asked: float) -> None:
        """Take note of what was written before `asked`, a time of `time.perf_counter()`.

        One look that began after several had asked serves them all.
        """
        if asked >= self._looked:
            began = time.perf_counter()
            self._look()
            self._looked = began  # not before: a look that failed has seen nothing

    def state(self) -> object:
        """Return what stays the same object as long as nothing was written, as of the last `look`."""
        return self._state()

    def generation(self, *kinds: Resource) -> int:
        """Return the generation as of the last `look`."""
        return self._known(*kinds)

"""Finding the few names among many that contain a text, without reading all of them from the database.

An index can seek a beginning, not a middle: a NameContains that matches little would read the whole kind at
each call. Names never change, so each process keeps those of a kind it was asked about as one lower-case
text, and reads only the rows that came since. A name whose record is gone leads to an id that no longer
selects anything.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from clary.store.database import Database
from clary.store.tables import RECORDS

FEW = 200  # Records up to which looking each one up beats reading in order until the page is full.
_CHUNKS = 64


@dataclass
class _Chunk:
    text: str = ""
    starts: array[int] = field(default_factory=lambda: array("q"))
    ids: array[int] = field(default_factory=lambda: array("q"))

    def find(self, part: str) -> Iterator[int]:
        at = self.text.find(part)
        while at >= 0:
            which = bisect_right(self.starts, at) - 1
            yield self.ids[which]
            at = self.text.find(part, self.text.index("\n", at))


class Names:
    """The names of one scope as far as this process has read them."""

    def __init__(self, scope: int) -> None:
        self._scope = scope
        self._lock = threading.Lock()
        self._last: int | None = None
        self._chunks: list[_Chunk] = []

    def find(self, connection: Connection, part: str) -> list[int] | None:
        """Return the ids of all records whose name contains `part`; None when they are more than `FEW`."""
        part = part.lower()
        if not part or "\n" in part:
            return None
        with self._lock:
            self._refresh(connection)
            found: list[int] = []
            for chunk in self._chunks:
                for record in chunk.find(part):
                    if len(found) == FEW:
                        return None
                    found.append(record)
        return found

    def _refresh(self, connection: Connection) -> None:
        newest = int(connection.scalar(select(func.max(RECORDS.c.id))) or 0)
        if self._last is None:
            rows = connection.execute(
                select(RECORDS.c.id, RECORDS.c.name).where(RECORDS.c.scope == self._scope)
            )
            self._add((row.id, row.name) for row in rows)
        elif newest > self._last:
            since = select(RECORDS.c.id, RECORDS.c.scope, RECORDS.c.name).where(RECORDS.c.id > self._last)
            self._add((row.id, row.name) for row in connection.execute(since) if row.scope == self._scope)
        self._last = max(newest, self._last or 0)

    def _add(self, rows: Iterable[tuple[int, str]]) -> None:
        names: list[str] = []
        chunk, length = _Chunk(), 0
        for number, name in rows:
            chunk.ids.append(number)
            chunk.starts.append(length)
            names.append(name.lower())
            length += len(names[-1]) + 1
        if names:
            chunk.text = "\n".join(names) + "\n"
            self._chunks.append(chunk)
        if len(self._chunks) > _CHUNKS:
            self._chunks = [_joined(self._chunks)]


def names_of(database: Database, scope: int) -> Names | None:
    """Return the names of a scope, or None where ids do not tell what came since.

    They do in SQLite, where one transaction at a time hands them out, unless that transaction is this
    thread's own and may still be undone.
    """
    if database.engine.dialect.name != "sqlite" or database.writing:
        return None
    return database.names.setdefault(scope, Names(scope))


def _joined(chunks: list[_Chunk]) -> _Chunk:
    whole, length = _Chunk("".join(chunk.text for chunk in chunks)), 0
    for chunk in chunks:
        whole.ids.extend(chunk.ids)
        whole.starts.extend(start + length for start in chunk.starts)
        length += len(chunk.text)
    return whole

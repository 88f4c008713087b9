"""The one door to SQL: who may write, for how long, and with what promise.

SQLite in WAL mode with `synchronous=FULL`: what a `write` block acknowledged survives a power cut. Several
processes open the same file. SQL elsewhere in the store stays portable to PostgreSQL.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, MetaData, RootTransaction, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from clary.core.document import dumps, loads
from clary.core.errors import TryAgain

if TYPE_CHECKING:
    from clary.store.name_search import Names
    from clary.store.statement import Lookup

metadata = MetaData()
"""Every table of the store. Modules define their tables on it; `store/migrations/` creates them."""

_BUSY_TIMEOUT_MS = 5_000
_FULL_AGAIN = timedelta(seconds=5)  # Until a write is tried again that found no room on the disk.
_PATIENCE = timedelta(seconds=30)  # How long a write may wait for other writers before it gives up.
_POOL = 8  # Connections kept open; bursts may open more (`_POOL_BURST`).
_POOL_BURST = 56


class Database:
    """One database, opened and migrated. Safe to share between threads; every process opens its own."""

    def __init__(self, path: Path) -> None:
        from clary.store.migrations import migrate  # the migrations are written in terms of this module

        self.path = path
        self.secrets: dict[str, bytes] = {}  # What `clary.store.secrets` has read so far.
        path.parent.mkdir(parents=True, exist_ok=True)
        self.engine: Engine = create_engine(
            f"sqlite:///{path}",
            json_serializer=dumps,
            json_deserializer=loads,
            pool_size=_POOL,
            max_overflow=_POOL_BURST,
        )
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", _begin)
        self.names: dict[int, Names] = {}  # What `clary.store.name_search` has read so far, by scope.
        self.unindexed = 0  # Writes of this process that `clary.store.search_index` has yet to follow.
        self.lookups: dict[tuple[str, ...], Lookup] = {}  # Connections that `clary.store.by_key` asks.
        self._watches: list[sqlite3.Connection] = []
        self._turn = threading.Lock()
        self._mine = threading.local()
        migrate(self)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection with one consistent view. Inside a `write` of the same thread it is that one."""
        joined: Connection | None = getattr(self._mine, "connection", None)
        if joined is not None:
            yield joined
            return
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give the only writing connection; on leaving without an exception all of it is on disk.

        A `write` inside a `write` of the same thread joins it: both become true together or not at all.
        """
        joined: Connection | None = getattr(self._mine, "connection", None)
        if joined is not None:
            yield joined
            return
        with self._turn, self.engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            transaction = _patiently_begin(connection)
            self._mine.connection = connection
            try:
                with transaction:
                    yield connection
            except (OperationalError, sqlite3.OperationalError) as error:
                if _code(error) != sqlite3.SQLITE_FULL:
                    raise
                raise TryAgain(
                    "the disk under CLARY_HOME is full; free some space", after=_FULL_AGAIN
                ) from error
            finally:
                self._mine.connection = None

    @property
    def writing(self) -> bool:
        """Whether this thread is inside a `write`, and what it reads may still be undone."""
        return getattr(self._mine, "connection", None) is not None

    def watch(self) -> Callable[[], int]:
        """Return a function that answers a new number after any commit; not for two threads at once."""
        connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        self._watches.append(connection)
        cursor = connection.cursor()

        def version() -> int:
            return int(cursor.execute("PRAGMA data_version").fetchone()[0])

        return version

    def close(self) -> None:
        """Close every connection; the file is complete without it."""
        for connection in self._watches:
            connection.close()
        for lookup in self.lookups.values():
            lookup.close()
        self.engine.dispose()


def _patiently_begin(connection: Connection) -> RootTransaction:
    deadline = time.monotonic() + _PATIENCE.total_seconds()
    while True:
        try:
            return connection.begin()
        except OperationalError as error:
            if not _busy(error):
                raise
            if time.monotonic() > deadline:
                raise TryAgain(
                    "the database is busy with other writers", after=timedelta(seconds=1)
                ) from error


def _busy(error: OperationalError) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: OperationalError | sqlite3.OperationalError) -> int:
    raised = error.orig if isinstance(error, OperationalError) else error
    code: int = getattr(raised, "sqlite_errorcode", 0)
    return code & 0xFF


def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = (
        None  # Transactions begin where `_begin` says so, not where the driver guesses.
    )
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16384",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

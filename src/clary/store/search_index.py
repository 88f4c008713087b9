"""Keeps the search index true: a write notes its record, many notes are worked off at once.

To index each record as it is written would double the price of a write. So a write only notes, in its own
transaction, that the index has yet to follow and from which state; every so often a write works off the
notes, and whoever asks the index works off the rest first. Notes go in the transaction that indexes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, delete, or_, select, text

from clary.core.document import Document
from clary.resources import registry
from clary.store.database import Database
from clary.store.search_tables import NUMBERS, PENDING, TEXTS
from clary.store.search_terms import SERVICE, Terms, path_of, terms_of
from clary.store.tables import RECORDS

BATCH = 64  # Notes after which a write works them off.
_CHUNK = 500  # Records indexed in one transaction when there are more.

_NOTE_NEW = text(
    "INSERT INTO search_pending (scope, record, service, kind) VALUES (:scope, :record, :service, :kind)"
)
_NOTE = text(
    "INSERT INTO search_pending (scope, record, service, kind, was) "
    "SELECT scope, id, service, kind, doc FROM records WHERE uid = :uid AND version = :version "
    "ON CONFLICT (scope, record) DO NOTHING"
)
_ADD = (
    "INSERT INTO {0} (path, value, record, item) VALUES ({1}, {1}, {1}, {1}) "
    "ON CONFLICT (path, value, record, item) DO NOTHING"
)
_DROP = "DELETE FROM {0} WHERE path = {1} AND value = {1} AND record = {1} AND item = {1}"
_NAME = text(
    "INSERT INTO search_paths (scope, name, path) VALUES (:scope, :name, :path) "
    "ON CONFLICT (scope, name) DO NOTHING"
)


def note_new(database: Database, connection: Connection, row: Document, record: int) -> None:
    """Note a record that was just inserted."""
    if row["service"] == SERVICE:
        connection.execute(
            _NOTE_NEW,
            {"scope": row["scope"], "record": record, "service": SERVICE, "kind": row["kind"]},
        )
        database.unindexed += 1


def note(database: Database, connection: Connection, service: str, uid: str, version: int) -> None:
    """Note a record that is about to be written or deleted at this version."""
    if service == SERVICE:
        connection.execute(_NOTE, {"uid": uid, "version": version})
        database.unindexed += 1


def settle(database: Database, connection: Connection) -> None:
    """Work the notes off when they have become many; called after the write that was noted."""
    if database.unindexed >= BATCH:
        database.unindexed = 0
        _index(connection, _noted(connection, None))


def follow(database: Database, scope: int) -> None:
    """Bring the index of one kind up to date, as of now."""
    while True:
        with database.read() as connection:
            if (
                connection.execute(select(PENDING.c.record).where(PENDING.c.scope == scope).limit(1)).first()
                is None
            ):
                return
        with database.write() as connection:
            rows = _noted(connection, scope)
            _index(connection, rows)
        if len(rows) < _CHUNK:
            return


def _noted(connection: Connection, scope: int | None) -> list[RowMapping]:
    statement = select(PENDING).limit(_CHUNK)
    if scope is not None:
        statement = statement.where(PENDING.c.scope == scope)
    return list(connection.execute(statement).mappings())


def _index(connection: Connection, noted: list[RowMapping]) -> None:
    """Bring the index from how these records were when last indexed to how they are."""
    wanted = select(RECORDS.c.id, RECORDS.c.doc).where(RECORDS.c.id.in_([row["record"] for row in noted]))
    docs = {row.id: row.doc for row in connection.execute(wanted)}
    dropped, added = _Rows(), _Rows()
    for row in noted:
        resource = registry.find(row["service"], row["kind"])
        before = Terms() if row["was"] is None else terms_of(resource, row["was"])
        after = terms_of(resource, docs[row["record"]]) if row["record"] in docs else Terms()
        dropped.take(row, before, after)
        added.take(row, after, before)
    # The driver's own statements: SQLAlchemy's care for each of some thousand rows costs more than the rows.
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    for statement, rows in ((_DROP, dropped), (_ADD, added)):
        for name, these in rows.tables.items():
            if these:
                connection.exec_driver_sql(statement.format(name, mark), sorted(these))
    if added.names:
        connection.execute(_NAME, [{"scope": s, "name": n, "path": p} for (s, n), p in added.names.items()])
    for part in _chunks(noted, 200):
        done = [and_(PENDING.c.scope == row["scope"], PENDING.c.record == row["record"]) for row in part]
        connection.execute(delete(PENDING).where(or_(*done)))


class _Rows:
    """Rows to be written or removed, by table, and the names they go by."""

    def __init__(self) -> None:
        self.tables: dict[str, list[tuple[int, Any, int, int]]] = {TEXTS.name: [], NUMBERS.name: []}
        self.names: dict[tuple[int, str], int] = {}

    def take(self, row: RowMapping, here: Terms, there: Terms) -> None:
        """Take what is here and not there."""
        scope, record, names = row["scope"], row["record"], self.names
        pairs: tuple[tuple[str, Iterable[tuple[str, Any, int]]], ...] = (
            (TEXTS.name, here.texts - there.texts),
            (NUMBERS.name, here.numbers - there.numbers),
        )
        for table, terms in pairs:
            rows = self.tables[table]
            for name, value, item in terms:
                path = names.get((scope, name))
                if path is None:
                    path = names[scope, name] = path_of(scope, name)
                rows.append((path, value, record, item))


def _chunks(rows: list[RowMapping], size: int) -> Iterable[list[RowMapping]]:
    return (rows[first : first + size] for first in range(0, len(rows), size))

"""Finding one record by what identifies it, at the price of one statement.

Nearly every call does so several times: for policies, references and the call itself.
"""

from __future__ import annotations

import threading

from sqlalchemy import ColumnElement, and_, bindparam, select

from clary.core.document import Document, loads
from clary.store.database import Database
from clary.store.record import COLUMNS
from clary.store.statement import Lookup, Statement, Values
from clary.store.tables import RECORDS

_NAMES = [column.name for column in COLUMNS]
_DOC = _NAMES.index("doc")
_making = threading.Lock()


def _by(*names: str) -> Statement:
    same: list[ColumnElement[bool]] = [RECORDS.c[name] == bindparam(name) for name in names]
    # Not the document's own type: the driver gives its text, which is read below.
    return Statement(select(*COLUMNS).where(and_(*same)))


_KEYS: tuple[tuple[str, ...], ...] = (("scope", "key"), ("uid",), ("arn",))
_STATEMENTS = {names: _by(*names) for names in _KEYS}


def row_by(database: Database, **values: object) -> Document | None:
    """Return the row of the record with these values; within a `write` of this thread, as it is there."""
    statement = _STATEMENTS[tuple(values)]
    if database.writing:
        with database.read() as connection:
            return _named(statement.row(connection, **values))
    return _named(_lookup(database, tuple(values)).row(**values))


def _lookup(database: Database, names: tuple[str, ...]) -> Lookup:
    if (lookup := database.lookups.get(names)) is None:
        with _making:
            if (lookup := database.lookups.get(names)) is None:
                lookup = database.lookups[names] = Lookup(database, _STATEMENTS[names])
    return lookup


def _named(row: Values | None) -> Document | None:
    if row is None:
        return None
    values = dict(zip(_NAMES, row, strict=True))
    values["doc"] = loads(row[_DOC])
    return values

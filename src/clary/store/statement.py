"""Statements for paths that count microseconds: compiled once by SQLAlchemy, run by the driver itself."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.engine import Dialect

from clary.store.database import Database

# Rows are the driver's plain tuples: their types are those of the columns, which nobody checks here.
Values = tuple[Any, ...]


class Statement:
    """One statement, run with values for its bind parameters. Types that need converting are not for it."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._text = ""
        self._names: list[str] = []

    def run(self, connection: Connection, **values: object) -> None:
        """Run it within a connection's transaction."""
        self._execute(connection, values)

    def row(self, connection: Connection, **values: object) -> Values | None:
        """Run it within a connection's transaction and return its first row."""
        found: Values | None = self._execute(connection, values).fetchone()
        return found

    def prepare(self, dialect: Dialect) -> tuple[str, list[str]]:
        """Return the text and the names of its parameters, in their order."""
        if not self._text:
            compiled = self._statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # every clause has it
            self._names = list(compiled.positiontup)
            self._text = str(compiled)
        return self._text, self._names

    def _execute(self, connection: Connection, values: dict[str, object]) -> Any:
        text, names = self.prepare(connection.dialect)
        cursor = connection.connection.cursor()
        cursor.execute(text, [values[name] for name in names])
        return cursor


class Lookup:
    """One SELECT by key outside of any transaction: it sees all that is committed when it begins."""

    def __init__(self, database: Database, statement: Statement) -> None:
        self._text, self._names = statement.prepare(database.engine.dialect)
        self._lock = threading.Lock()
        pooled = database.engine.raw_connection()
        self._cursor = pooled.cursor()
        self._connection = pooled.driver_connection
        pooled.detach()

    def row(self, **values: object) -> Values | None:
        """Return the first row."""
        found = self.rows(**values)
        return found[0] if found else None

    def rows(self, **values: object) -> list[Values]:
        """Return all rows."""
        with self._lock:
            self._cursor.execute(self._text, [values[name] for name in self._names])
            found = list(self._cursor.fetchall())
        return found

    def close(self) -> None:
        """Let go of the connection; once more is harmless."""
        with self._lock:
            if self._connection is not None:
                self._cursor.close()
                self._connection.close()
                self._connection = None

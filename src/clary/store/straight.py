"""The common page: no filter, in an order that has a column. Its statement is made once and not again."""

from __future__ import annotations

from contextlib import closing
from functools import cache

from sqlalchemy import ColumnElement, bindparam, select, tuple_

from clary.core.document import loads
from clary.resources.spec import Resource
from clary.store.database import Database
from clary.store.order import column_of
from clary.store.record import COLUMNS, Record, from_row
from clary.store.statement import Statement, Values
from clary.store.tables import RECORDS
from clary.store.tokens import Position

_NAMES = [column.name for column in COLUMNS]
_DOC = _NAMES.index("doc")


def straight(
    database: Database,
    scope: int,
    resource: Resource,
    sort: str,
    *,
    descending: bool,
    limit: int,
    after: Position | None,
) -> tuple[list[Record], Position | None] | None:
    """Return up to `limit` records and where to go on if there are more.

    None where the order has no column, or where only the Core sees what this thread has yet to commit.
    """
    column = column_of(resource, sort)
    if column is None or database.writing:
        return None
    names = (column.name, "created", "id") if column is RECORDS.c.status else (column.name, "id")
    statement = statement_of(names, descending=descending, resumed=after is not None)
    values: dict[str, object] = {"scope": scope}
    if after is not None:
        values |= {f"after_{name}": value for name, value in zip(names, after[1:], strict=True)}
    text, binds = statement.prepare(database.engine.dialect)
    with closing(database.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute(text, [values[name] for name in binds])
        rows: list[Values] = list(cursor.fetchmany(limit + 1))  # the order is an index's: no more are read
        cursor.close()
    kept = rows[:limit]
    more: Position | None = [0, *kept[-1][: len(names)]] if len(rows) > limit else None
    return [_record(row[len(names) :]) for row in kept], more


@cache
def statement_of(names: tuple[str, ...], *, descending: bool, resumed: bool) -> Statement:
    """Return the statement that reads on in the order of these columns."""
    order: list[ColumnElement[object]] = [RECORDS.c[name] for name in names]
    rows = select(*order, *(column.label(f"its_{column.name}") for column in COLUMNS))
    rows = rows.where(RECORDS.c.scope == bindparam("scope"))
    if resumed:
        here = tuple_(*order)
        there = tuple_(*(bindparam(f"after_{name}", type_=RECORDS.c[name].type) for name in names))
        rows = rows.where(here < there if descending else here > there)
    return Statement(rows.order_by(*(column.desc() if descending else column.asc() for column in order)))


def _record(row: Values) -> Record:
    values = dict(zip(_NAMES, row, strict=True))
    values["doc"] = loads(row[_DOC])
    return from_row(values)

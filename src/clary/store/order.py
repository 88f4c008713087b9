"""Orders: how a page goes on where the last one ended, by seeking in an index, never by counting rows.

An order is one or more phases, one after the other. What has a column is one phase over an index of records.
What the search index knows are three: those that have nothing there, those with a number, those with a text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, tuple_, union_all

from clary.resources.spec import Resource
from clary.store.record import COLUMNS
from clary.store.search_tables import NUMBERS, TEXTS
from clary.store.search_terms import indexed, path_of
from clary.store.tables import RECORDS
from clary.store.tokens import Position

Column = ColumnElement[Any]
Where = Callable[[Column], list[ColumnElement[bool]]]
"""Returns the conditions on a record, given the column that holds its id."""

_INDEX = (NUMBERS, TEXTS)
_COLUMNS = {"CreationTime": RECORDS.c.created, "LastModifiedTime": RECORDS.c.modified}


@dataclass(frozen=True)
class Phase:
    """Rows in one order: `columns` make it total, `record` is the one among them that is the record's id.

    Records that the index knows by the path `but` are left out.
    """

    number: int
    columns: tuple[Column, ...]
    record: Column
    rows: Select[Any]
    but: int | None = None


def column_of(resource: Resource, path: str) -> Column | None:
    """Return the records' own column for a path, if it has one."""
    last = resource.key()[-1]
    if path == last or (path == "Name" and last not in resource.generated):
        return RECORDS.c.name  # of a made-up identity, Name is a member like any other
    if path in ("Status", resource.status):
        return RECORDS.c.status
    return _COLUMNS.get(path)


def phases(scope: int, resource: Resource, path: str, *, absent_first: bool) -> list[Phase]:
    """Return the phases that order a kind by a path, as they follow each other."""
    column = column_of(resource, path)
    if column is RECORDS.c.status:
        return [_of_records(scope, column, RECORDS.c.created)]
    if column is not None:
        return [_of_records(scope, column)]
    if not indexed(resource, path):
        return [_of_records(scope, func.coalesce(member(path).as_string(), ""))]
    number = path_of(scope, path)
    found = [
        Phase(
            at,
            (table.c.value, table.c.record),
            table.c.record,
            # The path implies the scope: to ask for both would let the database begin with the records.
            select(table.c.value, table.c.record, *COLUMNS)
            .join_from(table, RECORDS, RECORDS.c.id == table.c.record)
            .where(table.c.path == number, table.c.item == 0),
        )
        for at, table in enumerate(_INDEX, start=1)
    ]
    # A hyperparameter that reads as a number is known as both.
    if path.startswith("HyperParameters."):
        numbered = select(NUMBERS.c.record).where(NUMBERS.c.path == number)
        found[1] = replace(found[1], rows=found[1].rows.where(TEXTS.c.record.not_in(numbered)))
    absent = replace(_of_records(scope), but=number)
    return [absent, *found] if absent_first else [*found, absent]


def read(
    connection: Connection,
    order: Sequence[Phase],
    where: Where,
    *,
    descending: bool,
    limit: int,
    after: Position | None,
    anywhere: bool = False,
) -> list[tuple[Position, Row[Any]]]:
    """Return up to `limit` rows behind a position, each with its own.

    `anywhere` says that the conditions ask for the record's id only, and may be put to the index alone.
    """
    found: list[tuple[Position, Row[Any]]] = []
    begun = after is None
    for phase in order:
        statement = phase.rows.where(*where(phase.record))
        if phase.but is not None:
            known = [select(t.c.record).where(t.c.path == phase.but) for t in _INDEX]
            if anywhere:
                known = [rows.where(*where(t.c.record)) for rows, t in zip(known, _INDEX, strict=True)]
            statement = statement.where(phase.record.not_in(union_all(*known)))
        if not begun and after is not None:
            if phase.number != after[0]:
                continue
            begun = True
            here, there = tuple_(*phase.columns), tuple_(*after[1:])
            statement = statement.where(here < there if descending else here > there)
        ways = [column.desc() if descending else column.asc() for column in phase.columns]
        rows = connection.execute(statement.order_by(*ways).limit(limit - len(found)))
        width = len(phase.columns)
        found += [([phase.number, *row[:width]], row) for row in rows]
        if len(found) == limit:
            break
    return found


def member(path: str) -> Any:
    """Return the expression for what stands at a path of the document."""
    document: Any = RECORDS.c.doc
    for part in path.split("."):
        document = document[part]
    return document


def _of_records(scope: int, *columns: Column) -> Phase:
    total = (*columns, RECORDS.c.id)
    return Phase(0, total, RECORDS.c.id, select(*total, *COLUMNS).where(RECORDS.c.scope == scope))

"""Listing: one page of a kind in any order, thinned by filters.

The token says after which row the next page starts, so rows that come and go meanwhile shift nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, false, select

from clary.core.clock import Clock
from clary.core.document import dumps
from clary.resources.spec import Resource
from clary.store import search_index
from clary.store.contains import contains
from clary.store.database import Database
from clary.store.name_search import names_of
from clary.store.order import Column, column_of, member, phases, read
from clary.store.record import Record, from_row
from clary.store.search_tables import NUMBERS, TEXTS
from clary.store.search_terms import indexed, path_of
from clary.store.straight import straight
from clary.store.tables import RECORDS
from clary.store.times import micros
from clary.store.tokens import Position, Tokens

Test = Literal["eq", "ne", "contains", "lacks", "ge", "le", "gt", "lt", "starts", "in", "has"]
Value = str | int | float | bool | datetime | None
_Rows = tuple[list[Record], Position | None]


@dataclass(frozen=True)
class Filter:
    """One condition on a stored member; `path` may lead into structures with dots.

    `has` asks whether an element of the list at the path's first part has the rest, in either case.
    """

    path: str
    test: Test
    value: Value | tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """Some records and, unless they are the last, where to go on."""

    records: tuple[Record, ...]
    next_token: str | None


@dataclass(frozen=True)
class Query:
    """What is listed: the token of one query is refused by another."""

    scope: int
    resource: Resource
    where: tuple[Filter, ...]
    then: tuple[Filter, ...]
    sort: str
    descending: bool

    def said(self) -> str:
        """Return the query as text; two queries that list differently have different ones."""
        filters = [[f.path, f.test, f.value] for f in (*self.where, *self.then)]
        return dumps({"q": [self.scope, filters, self.sort, self.descending]})


def page(database: Database, clock: Clock, query: Query, limit: int, token: str | None) -> Page:
    """Return up to `limit` records in the query's order, from where the token says."""
    tokens = Tokens(database, clock, query.said())
    after = None if token is None else tokens.open(token)
    records, more = _straight(database, query, limit, after) or _filtered(database, query, limit, after)
    told = tuple(r for r in records if all(matches(query.resource, r, f) for f in query.then))
    return Page(told, None if more is None else tokens.seal(more))


def _straight(database: Database, query: Query, limit: int, after: Position | None) -> _Rows | None:
    if query.where:
        return None
    return straight(
        database,
        query.scope,
        query.resource,
        query.sort,
        descending=query.descending,
        limit=limit,
        after=after,
    )


def _filtered(database: Database, query: Query, limit: int, after: Position | None) -> _Rows:
    if _asks_index(query):
        search_index.follow(database, query.scope)
    order = phases(query.scope, query.resource, query.sort, absent_first=not query.descending)
    conditions = [_condition(query, condition) for condition in query.where]
    with database.read() as connection:
        conditions += _few(connection, database, query)
        rows = read(
            connection,
            order,
            lambda _: conditions,
            descending=query.descending,
            limit=limit + 1,
            after=after,
        )
    more = rows[limit - 1][0] if len(rows) > limit else None
    return [from_row(row._mapping) for _, row in rows[:limit]], more


def matches(resource: Resource, record: Record, condition: Filter) -> bool:
    """Tell whether a record meets a condition."""
    stored: Any = record.doc
    for part in condition.path.split("."):
        stored = stored.get(part) if isinstance(stored, dict) else None
    return stored is not None and _TESTS[condition.test](stored, condition.value)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda stored, value: bool(stored == value),
    "ne": lambda stored, value: bool(stored != value),
    "contains": lambda stored, value: str(value).lower() in str(stored).lower(),
    "lacks": lambda stored, value: str(value).lower() not in str(stored).lower(),
    "starts": lambda stored, value: str(stored).startswith(str(value)),
    "ge": lambda stored, value: bool(stored >= value),
    "le": lambda stored, value: bool(stored <= value),
    "gt": lambda stored, value: bool(stored > value),
    "lt": lambda stored, value: bool(stored < value),
    "in": lambda stored, value: stored in value,
    "has": lambda stored, value: value in stored,
}


def _asks_index(query: Query) -> bool:
    paths = [f.path for f in query.where if f.test != "contains"] + [query.sort]
    return any(column_of(query.resource, path) is None and indexed(query.resource, path) for path in paths)


def _few(connection: Connection, database: Database, query: Query) -> list[ColumnElement[bool]]:
    """Select by id where only few names contain what is asked for."""
    for condition in query.where:
        if condition.test == "contains" and column_of(query.resource, condition.path) is RECORDS.c.name:
            names = names_of(database, query.scope)
            few = None if names is None else names.find(connection, str(condition.value))
            if few is not None:
                # Of nothing, SQLite would still read the whole index for the other conditions.
                return [RECORDS.c.id.in_(few) if few else false()]
    return []


def _condition(query: Query, condition: Filter) -> ColumnElement[bool]:
    column, value, path = column_of(query.resource, condition.path), condition.value, condition.path
    if column is not None:
        return _SQL[condition.test](column, micros(value) if isinstance(value, datetime) else value)
    if condition.test == "contains" or value is None or not indexed(query.resource, path):
        return _in_document(condition)
    # Equal texts are the only ones that come in the order of their records: any other way is a set.
    table = TEXTS if isinstance(value, str | tuple) else NUMBERS
    plain = float(micros(value)) if isinstance(value, datetime) else value
    known = table.c.path == path_of(query.scope, path)
    return RECORDS.c.id.in_(select(table.c.record).where(known, _SQL[condition.test](table.c.value, plain)))


_SQL: dict[str, Callable[[Column, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "contains": lambda column, value: contains(column, str(value)),
    "lacks": lambda column, value: ~contains(column, str(value)),
    "starts": lambda column, value: column.startswith(str(value), autoescape=True),
    "ge": lambda column, value: column >= value,
    "le": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "lt": lambda column, value: column < value,
    "in": lambda column, value: column.in_(value),
    "has": lambda column, value: column == value,
}


def _in_document(condition: Filter) -> ColumnElement[bool]:
    """Return a condition on the document itself, for what no index knows."""
    value: Any = condition.value
    if condition.test == "has":
        first, _, rest = condition.path.partition(".")
        return contains(member(first).as_string(), dumps({rest: value})[1:-1])
    document = member(condition.path)
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="microseconds")
        return _SQL[condition.test](document["$time"].as_string(), text)
    if isinstance(value, bool):
        return _SQL[condition.test](document.as_boolean(), value)
    if isinstance(value, int):
        return _SQL[condition.test](document.as_integer(), value)
    if isinstance(value, float):
        return _SQL[condition.test](document.as_float(), value)
    return _SQL[condition.test](document.as_string(), value)

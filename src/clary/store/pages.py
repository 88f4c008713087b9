"""Listing: one page of a kind in any order, found by seeking in an index, never by counting rows.

The token says after which row the next page starts, so rows that come and go meanwhile shift nothing. It is
signed together with its query; a changed or foreign one is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Select, false, func, select, tuple_

from clary.core.document import dumps
from clary.core.errors import ValidationError
from clary.resources.spec import Resource
from clary.store.contains import contains
from clary.store.database import Database
from clary.store.name_search import names_of
from clary.store.record import COLUMNS, Record, from_row
from clary.store.secrets import secret
from clary.store.tables import RECORDS
from clary.store.times import micros

Test = Literal["eq", "ne", "contains", "ge", "le", "gt", "lt", "starts", "in"]
Value = str | int | float | bool | datetime | None
Column = ColumnElement[Any]
Rows = Select[Any]

_SIGNATURE = 16  # Bytes of the token that are its signature.


@dataclass(frozen=True)
class Filter:
    """One condition on a stored member; `path` may lead into structures with dots."""

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

    def digest(self) -> str:
        """Return a short name of the query; two queries that list differently have different ones."""
        filters = [[f.path, f.test, f.value] for f in (*self.where, *self.then)]
        said = dumps({"q": [self.scope, filters, self.sort, self.descending]})
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def page(database: Database, query: Query, limit: int, token: str | None) -> Page:
    """Return up to `limit` records in the query's order, from where the token says."""
    key = secret(database, "page-token")
    order = _order(query)
    statement = select(*order, *COLUMNS).where(RECORDS.c.scope == query.scope)
    for condition in query.where:
        statement = statement.where(_condition(query.resource, condition))
    if token is not None:
        statement = _resume(statement, order, _open(key, query, token), descending=query.descending)
    statement = _narrowed(statement, database, query)
    ways = [column.desc() if query.descending else column.asc() for column in order]
    with database.read() as connection:
        rows = connection.execute(statement.order_by(*ways).limit(limit + 1)).all()
    kept = rows[:limit]
    more = _seal(key, query, list(kept[-1][: len(order)])) if len(rows) > limit else None
    records = [from_row(row._mapping) for row in kept]
    return Page(tuple(r for r in records if all(matches(query.resource, r, f) for f in query.then)), more)


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
    "starts": lambda stored, value: str(stored).startswith(str(value)),
    "ge": lambda stored, value: bool(stored >= value),
    "le": lambda stored, value: bool(stored <= value),
    "gt": lambda stored, value: bool(stored > value),
    "lt": lambda stored, value: bool(stored < value),
    "in": lambda stored, value: stored in value,
}


def _narrowed(statement: Rows, database: Database, query: Query) -> Rows:
    """Select by id where only few names contain what is asked for."""
    for condition in query.where:
        if condition.test == "contains" and _known(query.resource, condition.path) is RECORDS.c.name:
            names = names_of(database, query.scope)
            if names is not None:
                with database.read() as connection:
                    few = names.find(connection, str(condition.value))
                if (
                    few is not None
                ):  # Of nothing, SQLite would still read the whole index for the other conditions.
                    return statement.where(RECORDS.c.id.in_(few) if few else false())
    return statement


def _order(query: Query) -> list[Column]:
    """The sort column, then what makes the order total: each list is the beginning of an index."""
    path = query.resource.order(query.sort)
    column = _known(query.resource, path)
    if column is None:
        column = func.coalesce(_member(path, ""), "")
    if column is RECORDS.c.status:
        return [column, RECORDS.c.created, RECORDS.c.id]
    return [column, RECORDS.c.id]


def _known(resource: Resource, path: str) -> Column | None:
    last = resource.key()[-1]
    if path == last or (path == "Name" and last not in resource.generated):
        return RECORDS.c.name  # of a made-up identity, Name is a member like any other
    if path in ("Status", resource.status):
        return RECORDS.c.status
    return {"CreationTime": RECORDS.c.created, "LastModifiedTime": RECORDS.c.modified}.get(path)


def _condition(resource: Resource, condition: Filter) -> ColumnElement[bool]:
    column, value = _known(resource, condition.path), condition.value
    if column is None:
        column, value = _member(condition.path, value), _plain(value)
    elif isinstance(value, datetime):
        value = micros(value)
    return _SQL[condition.test](column, value)


_SQL: dict[str, Callable[[Column, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "contains": lambda column, value: contains(column, str(value)),
    "starts": lambda column, value: column.startswith(str(value), autoescape=True),
    "ge": lambda column, value: column >= value,
    "le": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "lt": lambda column, value: column < value,
    "in": lambda column, value: column.in_(value),
}


def _member(path: str, value: object) -> Column:
    document: Any = RECORDS.c.doc
    for part in path.split("."):
        document = document[part]
    if isinstance(value, datetime):
        return cast(Column, document["$time"].as_string())
    if isinstance(value, bool):
        return cast(Column, document.as_boolean())
    if isinstance(value, int):
        return cast(Column, document.as_integer())
    if isinstance(value, float):
        return cast(Column, document.as_float())
    return cast(Column, document.as_string())


def _plain(value: Value | tuple[str, ...]) -> Value | tuple[str, ...]:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def _resume(statement: Rows, order: list[Column], last: list[Value], *, descending: bool) -> Rows:
    here, there = tuple_(*order), tuple_(*last)
    return statement.where(here < there if descending else here > there)


def _seal(key: bytes, query: Query, last: list[Value]) -> str:
    said = json.dumps([query.digest(), *last], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(key, said) + said).decode().rstrip("=")


def _open(key: bytes, query: Query, token: str) -> list[Value]:
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused() from error
    signature, said = sealed[:_SIGNATURE], sealed[_SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(key, said)):
        raise _refused()
    digest, *last = json.loads(said)
    if digest != query.digest():
        raise ValidationError(
            "The NextToken belongs to another request: repeat the request it came from unchanged."
        )
    return list(last)


def _sign(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, "sha256")[:_SIGNATURE]


def _refused() -> ValidationError:
    return ValidationError("The NextToken is not one this server gave out.")

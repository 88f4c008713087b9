"""Search: which records of a kind meet a condition, decided by SQL over the search index.

The ids of all hits are gathered once, in a temporary table; they are counted there, and the page is read by
walking its order and looking each record up among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from sqlalchemy import (
    Column as TableColumn,
)
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    MetaData,
    Select,
    Table,
    and_,
    delete,
    except_,
    false,
    func,
    insert,
    intersect,
    literal,
    not_,
    or_,
    select,
    true,
    union,
    union_all,
)

from clary.core.conditions import All, Condition, Element, Not, Number, Part, Present, Some, Text
from clary.resources.spec import Resource
from clary.store import search_index
from clary.store.contains import contains_exactly
from clary.store.order import Column, phases, read
from clary.store.record import Record, from_row, scope_of
from clary.store.records import Records
from clary.store.search_tables import NUMBERS, PATHS, TEXTS
from clary.store.search_terms import path_of, shift
from clary.store.tables import RECORDS
from clary.store.tokens import Tokens

SUGGESTED = 100  # Names that are suggested at most.

_FEW = 1000  # Hits that are looked up one by one.
_MANY = 50_000  # Hits of one condition up to which they are counted to find the best way.
_HITS = Table("search_hits", MetaData(), TableColumn("record", Integer, primary_key=True))
_Ids = Select[Any] | CompoundSelect[Any]


@dataclass(frozen=True)
class Found:
    """One page of hits, where to go on, and how many there are."""

    records: tuple[Record, ...]
    next_token: str | None
    total: int


def search(
    records: Records,
    resource: Resource,
    condition: Condition | None,
    *,
    sort: str,
    descending: bool,
    limit: int,
    token: str | None,
) -> Found:
    """Return one page of the records of a kind that meet a condition."""
    scope = scope_of(resource.service, resource.kind, records.account, records.region)
    said = repr(("search", scope, condition, sort, descending))
    tokens = Tokens(records.database, records.clock, said)
    after = None if token is None else tokens.open(token)
    search_index.follow(records.database, scope)
    order = phases(scope, resource, sort, absent_first=False)
    with records.database.read() as connection:
        hits = _All(connection, scope) if condition is None else _Hits(connection, scope, condition)
        rows = []
        if hits.total:
            rows = read(
                connection,
                order,
                hits.among,
                descending=descending,
                limit=limit + 1,
                after=after,
                anywhere=True,
            )
    found = tuple(from_row(row._mapping) for _, row in rows[:limit])
    more = tokens.seal(rows[limit - 1][0]) if len(rows) > limit else None
    return Found(found, more, hits.total)


def suggest(records: Records, resource: Resource, beginnings: Sequence[str]) -> list[str]:
    """Return names in the index that begin so, whatever their case, and that some record still has."""
    scope = scope_of(resource.service, resource.kind, records.account, records.region)
    search_index.follow(records.database, scope)
    begins = or_(*(func.lower(PATHS.c.name).startswith(b.lower(), autoescape=True) for b in beginnings))
    alive = or_(*(select(t.c.record).where(t.c.path == PATHS.c.path).exists() for t in (TEXTS, NUMBERS)))
    names = select(PATHS.c.name).where(PATHS.c.scope == scope, begins, alive)
    with records.database.read() as connection:
        return list(connection.scalars(names.order_by(PATHS.c.name).limit(SUGGESTED)))


class _All:
    """Every record of a scope, where nothing is asked."""

    def __init__(self, connection: Connection, scope: int) -> None:
        counted = select(func.count()).where(RECORDS.c.scope == scope)
        self.total = int(connection.scalar(counted) or 0)

    def among(self, record: Column) -> list[ColumnElement[bool]]:
        """Return the conditions on a record."""
        return []


class _Hits:
    """The records of a scope that meet a condition, held in a table of this connection's own."""

    def __init__(self, connection: Connection, scope: int, condition: Condition) -> None:
        connection.exec_driver_sql("CREATE TEMP TABLE IF NOT EXISTS search_hits (record INTEGER PRIMARY KEY)")
        connection.execute(delete(_HITS))
        found = _Terms(connection, scope).ids(condition)
        # A record may be there more than once: by several elements of a list, by several sides of an Or.
        connection.execute(insert(_HITS).prefix_with("OR IGNORE").from_select(["record"], found))
        self.total = int(connection.scalar(select(func.count()).select_from(_HITS)) or 0)
        self._few = list(connection.scalars(select(_HITS.c.record))) if self.total <= _FEW else None

    def among(self, record: Column) -> list[ColumnElement[bool]]:
        """Return the conditions on a record: few are looked up, of many each is tested on the way."""
        return [record.in_(select(_HITS.c.record) if self._few is None else self._few)]


class _Terms:
    """Compiles conditions on the records of one scope."""

    def __init__(self, connection: Connection, scope: int) -> None:
        self._connection = connection
        self._scope = scope

    def ids(self, condition: Condition) -> _Ids:
        """Return a statement that lists the records that meet a condition, some perhaps more than once."""
        match condition:
            case All(parts) if any(_lists(part) for part in parts):
                return self._all(parts)
            case Some(parts) if all(_lists(part) for part in parts):
                return union_all(*(_plain(self.ids(part)) for part in parts))
            case Text() | Part() | Number() | Present() | Element():
                return self._matching(condition)
        every = select(RECORDS.c.id).where(RECORDS.c.scope == self._scope)
        return every.where(self._holds(condition, RECORDS.c.id))

    def _all(self, parts: tuple[Condition, ...]) -> _Ids:
        """Walk the records that meet one condition and hold them against the rest.

        To make a set takes several times as long as to walk as many rows. So the condition that most meet is
        walked; and where one is met by few only, the others need not make sets of more than those.
        """
        sizes = {part: self._size(part) for part in dict.fromkeys(parts) if _lists(part)}
        least = min(sizes, key=lambda part: sizes[part])
        among: list[int] | None = None
        if sizes[least] <= _FEW:
            among = list(self._connection.scalars(self.ids(least)))
        walked = least if among is not None else max(sizes, key=lambda part: sizes[part])
        begun = self.ids(walked).subquery()
        rest = [self._holds(part, begun.c[0], among) for part in sizes if part != walked]
        rest += [self._holds(part, begun.c[0], among) for part in dict.fromkeys(parts) if part not in sizes]
        return select(begun.c[0]).where(*rest)

    def _holds(
        self, condition: Condition, record: Column, among: list[int] | None = None
    ) -> ColumnElement[bool]:
        """Return the condition on the record of that id, which is one of `among`."""
        match condition:
            case All(parts):
                return and_(true(), *(self._holds(part, record, among) for part in parts))
            case Some(parts):
                return or_(false(), *(self._holds(part, record, among) for part in parts))
            case Not(inner):
                return not_(self._holds(inner, record, among))
        found = self._matching(condition)
        if among is not None:
            wide = found.subquery()
            found = select(wide.c[0]).where(wide.c[0].in_(among))
        # As a sum, so that the set is tested and not walked: it may be most of the kind.
        return (record + literal(0)).in_(found)

    def _size(self, condition: Condition) -> int:
        """Return about how many records meet a condition; no more than is worth counting."""
        match condition:
            case All(parts):
                return min(self._size(part) for part in parts)
            case Some(parts):
                return min(sum(self._size(part) for part in parts), _MANY)
            case Element(_, _, parts):
                return min(_MANY if isinstance(part, Not | Present) else self._size(part) for part in parts)
            case Text() | Number() | Part():
                some = self._rows(condition).limit(_MANY).subquery()
                return int(self._connection.scalar(select(func.count()).select_from(some)) or 0)
        return _MANY

    def _matching(self, condition: Condition) -> _Ids:
        match condition:
            case Element(name, depth, parts):
                return self._elements(name, depth, parts)
            case Present(name):
                return union_all(*(self._present(table, name, table.c.record) for table in (TEXTS, NUMBERS)))
            case Text() | Part() | Number():
                return self._rows(condition)
        raise TypeError(f"{condition} is no single condition")

    def _rows(self, condition: Text | Part | Number, *columns: Column) -> Select[Any]:
        """Return the rows of the index that meet a condition: which record, or other columns."""
        table = NUMBERS if isinstance(condition, Number) else TEXTS
        rows = select(*(columns or (table.c.record,))).where(
            table.c.path == path_of(self._scope, condition.name)
        )
        value = table.c.value
        match condition:
            case Text(_, values):
                return rows.where(value == values[0] if len(values) == 1 else value.in_(values))
            case Part(_, part):
                return rows.where(contains_exactly(value, part))
            case Number(_, low, high, with_low, with_high):
                if low is not None:
                    rows = rows.where(value >= low if with_low else value > low)
                if high is not None:
                    rows = rows.where(value <= high if with_high else value < high)
        return rows

    def _present(self, table: Any, name: str, *columns: Column) -> Select[Any]:
        """Return the rows of one table that stand at a name or beneath it."""
        beneath = PATHS.c.name.startswith(f"{name}.", autoescape=True)
        names = select(PATHS.c.path).where(PATHS.c.scope == self._scope, or_(PATHS.c.name == name, beneath))
        return select(*columns).where(table.c.path.in_(names))

    def _elements(self, name: str, depth: int, conditions: tuple[Condition, ...]) -> _Ids:
        """Return the records with one element, at that depth, that meets every condition."""
        by = shift(depth)

        def element(table: Any) -> tuple[Column, Column]:
            return table.c.record, table.c.item.op(">>")(by).label("element")

        def every() -> CompoundSelect[Any]:
            return union(*(self._present(table, name, *element(table)) for table in (TEXTS, NUMBERS)))

        def meeting(condition: Condition) -> _Ids:
            match condition:
                case Not(inner):
                    return except_(_plain(every()), _plain(meeting(inner)))
                case Some(parts):
                    return union(*(_plain(meeting(part)) for part in parts))
                case All(parts):
                    return intersect(*(_plain(meeting(part)) for part in parts))
                case Present(inner_name):
                    tables = (TEXTS, NUMBERS)
                    return union(*(self._present(table, inner_name, *element(table)) for table in tables))
                case Text() | Part():
                    return self._rows(condition, *element(TEXTS))
                case Number():
                    return self._rows(condition, *element(NUMBERS))
            raise TypeError(f"{condition} stands in an element")

        met = reduce(lambda a, b: intersect(_plain(a), _plain(b)), map(meeting, conditions))
        return select(met.subquery().c.record)


def _plain(ids: _Ids) -> Select[Any]:
    """Return a statement as one that can stand in a compound."""
    inner = ids.subquery()
    return select(*inner.c)


def _lists(condition: Condition) -> bool:
    """Tell whether the records that meet a condition can be listed without going through all."""
    match condition:
        case Not():
            return False
        case All(parts):
            return any(_lists(part) for part in parts)
        case Some(parts):
            return all(_lists(part) for part in parts)
    return True

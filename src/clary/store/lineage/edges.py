"""Associations: who contributed to what. Both ends are records; one pair has one association at most."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, or_, select, text, tuple_, update

from clary.core.document import Document, dumps
from clary.store.lineage.tables import EDGES
from clary.store.record import Record, scope_of
from clary.store.records import Records
from clary.store.tables import RECORDS
from clary.store.times import from_micros, micros

CHUNK = 5_000
"""Vertices asked for in one statement; SQLite takes some 32,000 parameters."""

SOURCE, DESTINATION = RECORDS.alias("source"), RECORDS.alias("destination")
ORDERS: dict[str, ColumnElement[Any]] = {
    "CreationTime": EDGES.c.created,
    "SourceArn": SOURCE.c.arn,
    "DestinationArn": DESTINATION.c.arn,
    "SourceType": EDGES.c.source_type,
    "DestinationType": EDGES.c.destination_type,
}


_ADD = text(
    "INSERT INTO lineage_edges (scope, source, destination, type, source_type, source_kind, "
    "destination_type, destination_kind, created, created_by) "
    "SELECT :scope, s.id, d.id, :type, :source_type, :source_kind, "
    ":destination_type, :destination_kind, :created, :created_by "
    "FROM records s, records d WHERE s.uid = :source AND d.uid = :destination "
    "ON CONFLICT (source, destination) DO NOTHING"
)


@dataclass(frozen=True, kw_only=True)
class End:
    """One end of an association: its record, the kind of entity it is, and what its kind calls its type."""

    record: Record
    kind: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One association as it is listed; `position` is where it stands in the list."""

    source: Document
    destination: Document
    type: str
    created: datetime
    created_by: Document | None
    position: tuple[Any, int]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What ListAssociations selects; None is any."""

    source: str | None = None
    destination: str | None = None
    source_type: str | None = None
    destination_type: str | None = None
    type: str | None = None
    after: datetime | None = None
    before: datetime | None = None


def add(records: Records, source: End, destination: End, kind: str, creator: Document | None) -> bool:
    """Associate two entities; False if they are."""
    values = {
        "scope": _scope(records),
        "source": source.record.uid,
        "destination": destination.record.uid,
        "type": kind,
        "source_type": source.type,
        "source_kind": source.kind,
        "destination_type": destination.type,
        "destination_kind": destination.kind,
        "created": micros(records.clock.now()),
        "created_by": dumps(creator) if creator else None,
    }
    with records.database.write() as connection:
        return connection.execute(_ADD, values).rowcount == 1


def remove(records: Records, source: Record, destination: Record) -> bool:
    """Take an association away; False if there was none."""
    with records.database.write() as connection:
        ids = _ids(connection, [source.uid, destination.uid])
        pair = and_(
            EDGES.c.source == ids.get(source.uid, 0), EDGES.c.destination == ids.get(destination.uid, 0)
        )
        return connection.execute(delete(EDGES).where(pair)).rowcount == 1


def retype(records: Records, end: End) -> None:
    """Have the associations of an entity say the type it is of now."""
    with records.database.write() as connection:
        here = _ids(connection, [end.record.uid]).get(end.record.uid, 0)
        for side, told in ((EDGES.c.source, "source_type"), (EDGES.c.destination, "destination_type")):
            connection.execute(update(EDGES).where(side == here).values({told: end.type}))


def neighbour(records: Records, record: Record) -> str | None:
    """Return the ARN of some entity that a record is associated with."""
    with records.database.read() as connection:
        here = _ids(connection, [record.uid]).get(record.uid, 0)
        for near, far in ((EDGES.c.source, EDGES.c.destination), (EDGES.c.destination, EDGES.c.source)):
            found = select(RECORDS.c.arn).where(near == here, RECORDS.c.id == far).limit(1)
            arn: str | None = connection.scalar(found)
            if arn is not None:
                return arn
    return None


def page(
    records: Records,
    wanted: Wanted,
    *,
    sort: str,
    descending: bool,
    limit: int,
    after: tuple[Any, int] | None,
) -> list[Edge]:
    """Return associations in order, from behind a position on."""
    order = (ORDERS[sort], EDGES.c.id)
    statement = (
        select(
            EDGES,
            ORDERS[sort].label("place"),
            SOURCE.c.arn.label("source_arn"),
            SOURCE.c.doc.label("source_doc"),
            DESTINATION.c.arn.label("destination_arn"),
            DESTINATION.c.doc.label("destination_doc"),
        )
        .join(SOURCE, SOURCE.c.id == EDGES.c.source)
        .join(DESTINATION, DESTINATION.c.id == EDGES.c.destination)
        .where(EDGES.c.scope == _scope(records), *_conditions(wanted))
    )
    if after is not None:
        here, there = tuple_(*order), tuple_(*after)
        statement = statement.where(here < there if descending else here > there)
    ways = [column.desc() if descending else column.asc() for column in order]
    with records.database.read() as connection:
        rows = connection.execute(statement.order_by(*ways).limit(limit)).all()
    return [
        Edge(
            source=_told(row._mapping, "source"),
            destination=_told(row._mapping, "destination"),
            type=row.type,
            created=from_micros(row.created),
            created_by=row.created_by,
            position=(row.place, row.id),
        )
        for row in rows
    ]


def around(connection: Connection, vertices: Collection[int], *, up: bool) -> Iterator[tuple[int, int, str]]:
    """Yield (source, destination, type) of every association into (`up`) or out of these records."""
    end = EDGES.c.destination if up else EDGES.c.source
    columns = (EDGES.c.source, EDGES.c.destination, EDGES.c.type)
    ordered = sorted(vertices)
    for first in range(0, len(ordered), CHUNK):
        found = select(*columns).where(end.in_(ordered[first : first + CHUNK]))
        for row in connection.execute(found):
            yield row.source, row.destination, row.type


def _told(row: RowMapping, end: str) -> Document:
    return {name: row[f"{end}_{name.lower()}"] for name in ("Arn", "Doc", "Kind", "Type")}


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.source is not None:
        yield EDGES.c.source.in_(select(RECORDS.c.id).where(RECORDS.c.arn == wanted.source))
    if wanted.destination is not None:
        yield EDGES.c.destination.in_(select(RECORDS.c.id).where(RECORDS.c.arn == wanted.destination))
    if wanted.source_type is not None:
        yield or_(EDGES.c.source_type == wanted.source_type, EDGES.c.source_kind == wanted.source_type)
    if wanted.destination_type is not None:
        type_ = wanted.destination_type
        yield or_(EDGES.c.destination_type == type_, EDGES.c.destination_kind == type_)
    if wanted.type is not None:
        yield EDGES.c.type == wanted.type
    if wanted.after is not None:
        yield EDGES.c.created >= micros(wanted.after)
    if wanted.before is not None:
        yield EDGES.c.created <= micros(wanted.before)


def _ids(connection: Connection, uids: list[str]) -> dict[str, int]:
    found = select(RECORDS.c.uid, RECORDS.c.id).where(RECORDS.c.uid.in_(uids))
    return {row.uid: row.id for row in connection.execute(found)}


def _scope(records: Records) -> int:
    return scope_of("sagemaker", "Association", records.account, records.region)

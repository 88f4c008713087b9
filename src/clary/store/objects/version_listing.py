"""Listings of versions: every key's from its newest to its oldest, the keys rolled up like objects."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Row, and_, func, literal, null, or_, select

from clary.store.objects import buckets, versions
from clary.store.objects.index import describe
from clary.store.objects.listing import common_prefix, successor
from clary.store.objects.model import NULL, Bucket, Marker, ObjectInfo
from clary.store.objects.place import Place
from clary.store.objects.tables import OBJECTS, VERSIONS
from clary.store.times import from_micros

_BATCH = 300
_LAST = 1 << 62  # No rank is as large.
_AnyRow = Row[*tuple[object, ...]]
_RANK = func.coalesce(OBJECTS.c.rank, -OBJECTS.c.modified).label("rank")


@dataclass(frozen=True, kw_only=True)
class VersionQuery:
    """Which versions: those of keys after the key marker, or after the version marker at that key."""

    prefix: str = ""
    delimiter: str = ""
    key_marker: str = ""
    version_marker: str = ""
    limit: int = 1000


@dataclass(frozen=True)
class Version:
    """One line of the listing."""

    item: ObjectInfo | Marker
    latest: bool


@dataclass(frozen=True)
class VersionListing:
    """One page; the markers of the next one are those of its last entry."""

    versions: list[Version]
    prefixes: list[str]
    truncated: bool
    next_key: str = ""
    next_version: str = ""


def page(place: Place, bucket: str, query: VersionQuery) -> VersionListing:
    """Return one page of the versions in a bucket."""
    with place.database.read() as connection:
        holder = buckets.get(connection, bucket)
        found = VersionListing([], [], False)
        last, seen = ("", ""), query.key_marker.encode() if query.version_marker else None
        for row, common in _entries(connection, holder, query):
            if len(found.versions) + len(found.prefixes) >= query.limit:
                return VersionListing(found.versions, found.prefixes, query.limit > 0, *last)
            if common is not None:
                found.prefixes.append(common.decode())
                last = (common.decode(), "")
                continue
            item = _item(row, holder, place.content.directory)
            found.versions.append(Version(item, latest=row.key != seen))
            last, seen = (item.key, item.version), row.key
        return found


def _entries(
    connection: Connection, bucket: Bucket, query: VersionQuery
) -> Iterator[tuple[_AnyRow, bytes | None]]:
    prefix, delimiter = query.prefix.encode(), query.delimiter.encode()
    after: tuple[bytes, int] | None = _start(connection, bucket, query, prefix, delimiter)
    while after is not None:
        place, after = after, None
        for row in _merged(connection, bucket, prefix, place):
            common = common_prefix(row.key, prefix, delimiter)
            yield row, common
            if common is not None:
                after = successor(common), -_LAST
                break


def _start(
    connection: Connection, bucket: Bucket, query: VersionQuery, prefix: bytes, delimiter: bytes
) -> tuple[bytes, int]:
    """Return the place behind which the listing begins: a key, and a rank among its versions."""
    marker = query.key_marker.encode()
    rolled = common_prefix(marker, prefix, delimiter)
    if rolled is not None:
        return max((successor(rolled), -_LAST), (prefix, -_LAST))
    if not marker or marker < prefix:
        return prefix, -_LAST
    rank = (
        versions.rank_of(connection, bucket, marker, query.version_marker) if query.version_marker else None
    )
    return marker, _LAST if rank is None else rank


def _merged(
    connection: Connection, bucket: Bucket, prefix: bytes, after: tuple[bytes, int]
) -> Iterator[_AnyRow]:
    end = successor(prefix)
    both = (_objects(connection, bucket, end, after), _older(connection, bucket, end, after))
    return heapq.merge(*both, key=lambda row: (row.key, row.rank))


def _objects(
    connection: Connection, bucket: Bucket, end: bytes, after: tuple[bytes, int]
) -> Iterator[_AnyRow]:
    key, rank = after
    columns = [column for column in OBJECTS.c if column.name not in ("parts", "rank")]
    mine = [OBJECTS.c.bucket == bucket.id, *([OBJECTS.c.key < end] if end else [])]
    low = OBJECTS.c.key >= key
    while True:
        query = select(*columns, _RANK, literal(0).label("marker"), null().label("parts"))
        rows = connection.execute(query.where(*mine, low).order_by(OBJECTS.c.key).limit(_BATCH)).all()
        yield from (row for row in rows if (row.key, row.rank) > (key, rank))
        if len(rows) < _BATCH:
            return
        low = OBJECTS.c.key > rows[-1].key


def _older(connection: Connection, bucket: Bucket, end: bytes, after: tuple[bytes, int]) -> Iterator[_AnyRow]:
    columns, mine = VERSIONS.c, [VERSIONS.c.bucket == bucket.id]
    if end:
        mine.append(columns.key < end)
    while True:
        key, rank = after
        later = or_(columns.key > key, and_(columns.key == key, columns.rank > rank))
        query = select(VERSIONS).where(*mine, columns.key >= key, later)
        rows = connection.execute(query.order_by(columns.key, columns.rank).limit(_BATCH)).all()
        yield from rows
        if len(rows) < _BATCH:
            return
        after = rows[-1].key, rows[-1].rank


def _item(row: _AnyRow, bucket: Bucket, directory: Path) -> ObjectInfo | Marker:
    if row.marker:
        version = NULL if row.version is None else row.version
        return Marker(row.key.decode(), version, from_micros(row.modified))
    return describe(row, bucket, directory)

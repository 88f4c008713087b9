"""Versions: what a key held before its present object, and the markers of its deletions, newest first."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, func, insert, select

from clary.store.objects.conditions import Writing
from clary.store.objects.errors import refused
from clary.store.objects.garbage import throw_away
from clary.store.objects.index import describe, version_of
from clary.store.objects.model import NULL, Bucket, Marker, ObjectInfo, Removal
from clary.store.objects.tables import OBJECTS, VERSIONS
from clary.store.times import from_micros, micros

_ID = re.compile(r"[0-9a-f]{32}")
_ZERO = 1 << 63  # A rank is negative: microseconds since 1970, and less for whatever is newer.
_MOVED = [column.name for column in OBJECTS.c if column.name != "rank"]
_AnyRow = Row[*tuple[object, ...]]


def check_id(version: str | None) -> str | None:
    """Return a version id, None for an empty one; refuse what can be none."""
    if not version:
        return None
    if version != NULL and not _ID.fullmatch(version):
        raise refused(
            "InvalidArgument",
            "Invalid version id specified",
            ArgumentName="versionId",
            ArgumentValue=version,
        )
    return version


def find(
    connection: Connection, bucket: Bucket, key: bytes, version: str, directory: Path
) -> ObjectInfo | Marker | None:
    """Return one version of a key, or None."""
    present = _present(connection, bucket, key)
    if present is not None and _named(present.version) == version:
        return describe(present, bucket, directory, present.parts)
    row = connection.execute(select(VERSIONS).where(*_one(bucket, key, version))).first()
    if row is None:
        return None
    if row.marker:
        return _marker(row)
    return describe(row, bucket, directory, row.parts)


def marker_at(connection: Connection, bucket: Bucket, key: bytes) -> Marker | None:
    """Return the marker that hides a key without a present object, or None."""
    row = _newest(connection, bucket, key) if bucket.versioning else None
    return _marker(row) if row is not None and row.marker else None


def give_way(
    connection: Connection, bucket: Bucket, key: bytes, now: datetime
) -> tuple[str | None, int | None]:
    """Make room for what is put at a key; return the version id (None: `null`) and rank of that."""
    if bucket.versioning is None:
        return None, None
    keeps = bucket.versioning == "Enabled"
    rank = _next_rank(connection, bucket, key, now)
    if not keeps:
        _drop_null(connection, bucket, key, now)
    _retire(connection, bucket, key)
    return (f"{_ZERO + rank:016x}{secrets.token_hex(8)}" if keeps else None), rank


def mark(connection: Connection, bucket: Bucket, key: bytes, now: datetime) -> Removal:
    """Set a marker at a key in place of what is there."""
    version, rank = give_way(connection, bucket, key, now)
    connection.execute(delete(OBJECTS).where(*_at(OBJECTS, bucket, key)))
    row = {"version": version, "rank": rank, "marker": 1, "size": 0, "etag": "", "attributes": "{}"}
    modified = micros(now.replace(microsecond=0))
    connection.execute(insert(VERSIONS).values(bucket=bucket.id, key=key, modified=modified, **row))
    return Removal(_named(version), marker=True, existed=True)


def remove(
    connection: Connection, bucket: Bucket, key: bytes, version: str, conditions: Writing, now: datetime
) -> Removal:
    """Remove one version for good; the newest one left, unless a marker, is the key's object again."""
    present = _present(connection, bucket, key)
    if present is not None and _named(present.version) == version:
        conditions.check(key.decode(), version_of(present))
        connection.execute(delete(OBJECTS).where(*_at(OBJECTS, bucket, key)))
        throw_away(connection, [present.content], now)
        _promote(connection, bucket, key)
        return Removal(version, existed=True)
    row = connection.execute(select(VERSIONS).where(*_one(bucket, key, version))).first()
    conditions.check(key.decode(), None if row is None or row.marker else version_of(row))
    if row is None:
        return Removal(version)
    connection.execute(delete(VERSIONS).where(*_at(VERSIONS, bucket, key), VERSIONS.c.rank == row.rank))
    if row.content is not None:
        throw_away(connection, [row.content], now)
    if present is None:
        _promote(connection, bucket, key)
    return Removal(version, marker=bool(row.marker), existed=True)


def rank_of(connection: Connection, bucket: Bucket, key: bytes, version: str) -> int | None:
    """Return where a version stands among those of its key; None when nobody can tell any more."""
    if version != NULL:
        return int(version[:16], 16) - _ZERO
    present = _present(connection, bucket, key)
    if present is not None and present.version is None:
        return _rank(present)
    query = select(VERSIONS.c.rank).where(*_at(VERSIONS, bucket, key), VERSIONS.c.version.is_(None))
    return connection.scalars(query).first()


def _drop_null(connection: Connection, bucket: Bucket, key: bytes, now: datetime) -> None:
    """Throw away a key's version `null`, which another one is about to replace."""
    gone: list[str] = []
    for table in (OBJECTS, VERSIONS):
        mine = (*_at(table, bucket, key), table.c.version.is_(None))
        gone += [content for content in connection.scalars(select(table.c.content).where(*mine)) if content]
        connection.execute(delete(table).where(*mine))
    throw_away(connection, gone, now)


def _retire(connection: Connection, bucket: Bucket, key: bytes) -> None:
    """File a key's object among its versions."""
    mine = _at(OBJECTS, bucket, key)
    moved = [OBJECTS.c[name] for name in _MOVED]
    rank = func.coalesce(OBJECTS.c.rank, -OBJECTS.c.modified)
    rows = select(*moved, rank, func.abs(0)).where(*mine)
    connection.execute(insert(VERSIONS).from_select([*_MOVED, "rank", "marker"], rows))
    connection.execute(delete(OBJECTS).where(*mine))


def _promote(connection: Connection, bucket: Bucket, key: bytes) -> None:
    row = _newest(connection, bucket, key)
    if row is None or row.marker:
        return
    values = {name: getattr(row, name) for name in (*_MOVED, "rank")}
    connection.execute(insert(OBJECTS).values(values))
    connection.execute(delete(VERSIONS).where(*_at(VERSIONS, bucket, key), VERSIONS.c.rank == row.rank))


def _next_rank(connection: Connection, bucket: Bucket, key: bytes, now: datetime) -> int:
    present, newest = _present(connection, bucket, key), _newest(connection, bucket, key)
    known = [-micros(now) + 1]
    if present is not None:
        known.append(_rank(present))
    if newest is not None:
        known.append(newest.rank)
    return min(known) - 1


def _present(connection: Connection, bucket: Bucket, key: bytes) -> _AnyRow | None:
    return connection.execute(select(OBJECTS).where(*_at(OBJECTS, bucket, key))).first()


def _newest(connection: Connection, bucket: Bucket, key: bytes) -> _AnyRow | None:
    query = select(VERSIONS).where(*_at(VERSIONS, bucket, key)).order_by(VERSIONS.c.rank).limit(1)
    return connection.execute(query).first()


def _rank(present: _AnyRow) -> int:
    """Return an object's rank; what was put before versions were kept has none but its age."""
    rank: int = present.rank if present.rank is not None else -present.modified
    return rank


def _one(bucket: Bucket, key: bytes, version: str) -> tuple[ColumnElement[bool], ...]:
    mine = _at(VERSIONS, bucket, key)
    if version == NULL:
        return (*mine, VERSIONS.c.version.is_(None))
    return (*mine, VERSIONS.c.rank == int(version[:16], 16) - _ZERO, VERSIONS.c.version == version)


def _at(table: Table, bucket: Bucket, key: bytes) -> tuple[ColumnElement[bool], ...]:
    return table.c.bucket == bucket.id, table.c.key == key


def _marker(row: _AnyRow) -> Marker:
    return Marker(row.key.decode(), _named(row.version), from_micros(row.modified))


def _named(version: str | None) -> str:
    return NULL if version is None else version

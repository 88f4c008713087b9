"""The index: one row an object, read and amended."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from clary.core.document import Document, dumps, loads
from clary.store.objects import buckets
from clary.store.objects.checksums import Checksum
from clary.store.objects.model import NULL, Bucket, ObjectInfo, PartInfo
from clary.store.objects.tables import BUCKETS, OBJECTS, VERSIONS
from clary.store.statement import Statement, Values
from clary.store.times import from_micros

LISTED = [column for column in OBJECTS.c if column.name != "parts"]


_JOINED = BUCKETS.outerjoin(OBJECTS, and_(OBJECTS.c.bucket == BUCKETS.c.id, OBJECTS.c.key == bindparam("at")))
LOOK = Statement(select(BUCKETS, OBJECTS).select_from(_JOINED).where(BUCKETS.c.name == bindparam("called")))
"""Finds a bucket, and an object in it if it is there, for `look`."""
_WIDTH = len(BUCKETS.c)


class _Named(NamedTuple):
    """A row of the objects' table as the driver gives it."""

    bucket: int
    key: bytes
    content: str
    size: int
    etag: str
    modified: int
    checksum: str | None
    attributes: str
    parts: str | None
    version: str | None
    rank: int | None


def look(row: Values, directory: Path) -> tuple[Bucket, ObjectInfo | None]:
    """Return what a row of `LOOK` stands for."""
    bucket = buckets.describe(row[:_WIDTH])
    if row[_WIDTH] is None:
        return bucket, None
    found = _Named(*row[_WIDTH:])
    return bucket, describe(found, bucket, directory, found.parts)


def find(connection: Connection, bucket: Bucket, key: bytes, directory: Path) -> ObjectInfo | None:
    """Return the object at a key, or None."""
    mine = (OBJECTS.c.bucket == bucket.id, OBJECTS.c.key == key)
    row = connection.execute(select(OBJECTS).where(*mine)).first()
    return None if row is None else describe(row, bucket, directory, row.parts)


def amend(
    connection: Connection, bucket: Bucket, key: bytes, version: str | None, attributes: Document
) -> None:
    """Replace the attributes of an object or of one version, and leave everything else as it is."""
    same = None if version in (None, NULL) else version
    for table in (OBJECTS,) if version is None else (OBJECTS, VERSIONS):
        mine = [table.c.bucket == bucket.id, table.c.key == key]
        if version is not None:
            mine.append(table.c.version.is_(None) if same is None else table.c.version == same)
        connection.execute(update(table).where(*mine).values(attributes=dumps(attributes)))


def describe(
    row: Row[*tuple[object, ...]] | _Named, bucket: Bucket, directory: Path, parts: str | None = None
) -> ObjectInfo:
    """Return a row of the index as callers see it; a listing's row has no parts."""
    return ObjectInfo(
        bucket=bucket.name,
        key=row.key.decode(),
        content=row.content,
        directory=directory,
        size=row.size,
        etag=row.etag,
        modified=from_micros(row.modified),
        attributes=loads(row.attributes),
        checksum=checksum_of(row.checksum),
        parts=tuple(PartInfo(*part) for part in loads(parts)["Parts"]) if parts else (),
        version=NULL if row.version is None else row.version,
    )


def checksum_of(text: str | None) -> Checksum | None:
    """Return a checksum as the tables spell it."""
    if text is None:
        return None
    algorithm, kind, value = text.split(" ")
    return Checksum(algorithm, value, "COMPOSITE" if kind == "COMPOSITE" else "FULL_OBJECT")


def version_of(row: Row[*tuple[object, ...]] | None) -> tuple[str, int, datetime] | None:
    """Return what conditions are held against: ETag, size and time."""
    return None if row is None else (row.etag, row.size, from_micros(row.modified))

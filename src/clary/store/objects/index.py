"""The index: one row an object, and what it takes to replace or remove one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Row, delete, insert, select, update

from clary.core.document import Document, dumps, loads
from clary.store.objects.checksums import Checksum
from clary.store.objects.conditions import Writing
from clary.store.objects.garbage import throw_away
from clary.store.objects.model import Bucket, ObjectInfo, PartInfo
from clary.store.objects.tables import OBJECTS
from clary.store.times import from_micros, micros

LISTED = [column for column in OBJECTS.c if column.name != "parts"]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An object about to be: its content is on disk already, nothing names it yet."""

    content: str
    size: int
    etag: str
    checksum: Checksum | None = None
    attributes: Document = field(default_factory=dict)
    parts: tuple[PartInfo, ...] = ()


def find(connection: Connection, bucket: Bucket, key: bytes, directory: Path) -> ObjectInfo | None:
    """Return the object at a key, or None."""
    mine = (OBJECTS.c.bucket == bucket.id, OBJECTS.c.key == key)
    row = connection.execute(select(OBJECTS).where(*mine)).first()
    return None if row is None else describe(row, bucket, directory, row.parts)


def save(
    connection: Connection, bucket: Bucket, key: bytes, draft: Draft, conditions: Writing, now: datetime
) -> None:
    """Make `draft` the object at a key, if its conditions hold; what was there is thrown away."""
    present = _present(connection, bucket, key)
    conditions.check(key.decode(), _version(present))
    checksum = draft.checksum
    values = {
        "content": draft.content,
        "size": draft.size,
        "etag": draft.etag,
        "modified": micros(now.replace(microsecond=0)),  # S3's times are whole seconds, in listings too
        "checksum": checksum and f"{checksum.algorithm} {checksum.kind} {checksum.value}",
        "attributes": dumps(draft.attributes),
        "parts": dumps({"Parts": [[part.number, part.size, part.checksum] for part in draft.parts]})
        if draft.parts
        else None,
    }
    if present is None:
        connection.execute(insert(OBJECTS).values(bucket=bucket.id, key=key, **values))
    else:
        connection.execute(
            update(OBJECTS).where(OBJECTS.c.bucket == bucket.id, OBJECTS.c.key == key).values(**values)
        )
        throw_away(connection, [present.content], now)


def remove(connection: Connection, bucket: Bucket, key: bytes, conditions: Writing, now: datetime) -> bool:
    """Remove the object at a key, if the conditions hold; say whether there was one."""
    present = _present(connection, bucket, key)
    conditions.check(key.decode(), _version(present))
    if present is None:
        return False
    connection.execute(delete(OBJECTS).where(OBJECTS.c.bucket == bucket.id, OBJECTS.c.key == key))
    throw_away(connection, [present.content], now)
    return True


def amend(connection: Connection, bucket: Bucket, key: bytes, attributes: Document) -> None:
    """Replace an object's attributes and leave everything else as it is."""
    mine = (OBJECTS.c.bucket == bucket.id, OBJECTS.c.key == key)
    connection.execute(update(OBJECTS).where(*mine).values(attributes=dumps(attributes)))


def describe(
    row: Row[*tuple[object, ...]], bucket: Bucket, directory: Path, parts: str | None = None
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
        checksum=_checksum(row.checksum),
        parts=tuple(PartInfo(*part) for part in loads(parts)["Parts"]) if parts else (),
    )


def _checksum(text: str | None) -> Checksum | None:
    if text is None:
        return None
    algorithm, kind, value = text.split(" ")
    return Checksum(algorithm, value, "COMPOSITE" if kind == "COMPOSITE" else "FULL_OBJECT")


def _present(connection: Connection, bucket: Bucket, key: bytes) -> Row[*tuple[object, ...]] | None:
    columns = (OBJECTS.c.content, OBJECTS.c.etag, OBJECTS.c.size, OBJECTS.c.modified)
    query = select(*columns).where(OBJECTS.c.bucket == bucket.id, OBJECTS.c.key == key)
    return connection.execute(query).first()


def _version(row: Row[*tuple[object, ...]] | None) -> tuple[str, int, datetime] | None:
    return None if row is None else (row.etag, row.size, from_micros(row.modified))

"""What it takes to replace or remove the object at a key: its conditions, its versions, its content."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from clary.core.document import Document, dumps
from clary.store.objects import telling, versions
from clary.store.objects.checksums import Checksum
from clary.store.objects.conditions import Writing
from clary.store.objects.garbage import throw_away
from clary.store.objects.model import NULL, Bucket, ObjectInfo, PartInfo, Removal
from clary.store.objects.tables import OBJECTS
from clary.store.statement import Statement, Values
from clary.store.times import from_micros, micros

_MINE = (OBJECTS.c.bucket == bindparam("holder"), OBJECTS.c.key == bindparam("at"))
_PRESENT = Statement(
    select(OBJECTS.c.content, OBJECTS.c.etag, OBJECTS.c.size, OBJECTS.c.modified).where(*_MINE)
)
_REST: dict[str, object] = {
    column.name: bindparam(column.name) for column in OBJECTS.c if not column.primary_key
}
_INSERT = Statement(insert(OBJECTS).values(bucket=bindparam("bucket"), key=bindparam("key"), **_REST))
_UPDATE = Statement(update(OBJECTS).where(*_MINE).values(_REST))
_DELETE = Statement(delete(OBJECTS).where(*_MINE))


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An object about to be: its content is on disk already, nothing names it yet."""

    content: str
    size: int
    etag: str
    checksum: Checksum | None = None
    attributes: Document = field(default_factory=dict)
    parts: tuple[PartInfo, ...] = ()
    reason: str = "PutObject"


def save(
    connection: Connection,
    bucket: Bucket,
    key: bytes,
    draft: Draft,
    conditions: Writing,
    now: datetime,
    directory: Path,
) -> ObjectInfo:
    """Make `draft` the object at a key, if its conditions hold; what was there is kept or thrown away."""
    present = _PRESENT.row(connection, holder=bucket.id, at=key)
    conditions.check(key.decode(), _version(present))
    modified = now.replace(microsecond=0)  # S3's times are whole seconds, in listings too
    version, rank = versions.give_way(connection, bucket, key, now)
    checksum = draft.checksum
    values = {
        "content": draft.content,
        "size": draft.size,
        "etag": draft.etag,
        "modified": micros(modified),
        "checksum": checksum and f"{checksum.algorithm} {checksum.kind} {checksum.value}",
        "attributes": dumps(draft.attributes),
        "parts": dumps({"Parts": [[part.number, part.size, part.checksum] for part in draft.parts]})
        if draft.parts
        else None,
        "version": version,
        "rank": rank,
    }
    if present is None or bucket.versioning is not None:  # versions are out of the way by now
        _INSERT.run(connection, bucket=bucket.id, key=key, **values)
    else:
        _UPDATE.run(connection, holder=bucket.id, at=key, **values)
        throw_away(connection, [present[0]], now)
    saved = ObjectInfo(
        bucket=bucket.name,
        key=key.decode(),
        content=draft.content,
        directory=directory,
        size=draft.size,
        etag=draft.etag,
        modified=modified,
        attributes=draft.attributes,
        checksum=checksum,
        parts=draft.parts,
        version=version or NULL,
    )
    telling.created(connection, bucket, saved, draft.reason, now)
    return saved


def remove(connection: Connection, bucket: Bucket, key: bytes, conditions: Writing, now: datetime) -> Removal:
    """Remove the object at a key, if the conditions hold; hide it behind a marker where versions are kept."""
    present = _PRESENT.row(connection, holder=bucket.id, at=key)
    conditions.check(key.decode(), _version(present))
    if bucket.versioning is not None:
        return versions.mark(connection, bucket, key, now)
    if present is None:
        return Removal()
    _DELETE.run(connection, holder=bucket.id, at=key)
    throw_away(connection, [present[0]], now)
    return Removal(existed=True)


def _version(row: Values | None) -> tuple[str, int, datetime] | None:
    return None if row is None else (row[1], row[2], from_micros(row[3]))

"""Listings of uploads in flight: by key, then by upload id, rolled up like objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Row, and_, or_, select

from clary.store.objects import buckets
from clary.store.objects.listing import common_prefix, successor
from clary.store.objects.model import Bucket, Upload
from clary.store.objects.place import Place
from clary.store.objects.tables import UPLOADS
from clary.store.objects.uploads import describe

_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class UploadQuery:
    """Which uploads: those after the key marker, or at it and after the id marker when there is one."""

    prefix: str = ""
    delimiter: str = ""
    key_marker: str = ""
    id_marker: str = ""
    limit: int = 1000


@dataclass(frozen=True)
class UploadListing:
    """One page; the markers of the next one are those of its last entry."""

    uploads: list[Upload]
    prefixes: list[str]
    truncated: bool
    next_key: str
    next_id: str


def page(place: Place, bucket: str, query: UploadQuery) -> UploadListing:
    """Return one page of the uploads in flight in a bucket."""
    with place.database.read() as connection:
        holder = buckets.get(connection, bucket)
        found = UploadListing([], [], False, "", "")
        last = ("", "")
        for row, common in _entries(connection, holder, query):
            if len(found.uploads) + len(found.prefixes) >= query.limit:
                return UploadListing(found.uploads, found.prefixes, query.limit > 0, *last)
            if common is None:
                upload = describe(row, holder)
                found.uploads.append(upload)
                last = (upload.key, upload.id)
            else:
                found.prefixes.append(common.decode())
                last = (common.decode(), "")
        return found


def _entries(
    connection: Connection, bucket: Bucket, query: UploadQuery
) -> Iterator[tuple[Row[*tuple[object, ...]], bytes | None]]:
    prefix, delimiter, marker = query.prefix.encode(), query.delimiter.encode(), query.key_marker.encode()
    rolled = common_prefix(marker, prefix, delimiter)
    after = (successor(rolled), "") if rolled is not None else (marker, query.id_marker or "~")
    at_or_after = rolled is not None or not marker
    while True:
        key, upload_id = after
        later = or_(UPLOADS.c.key > key, and_(UPLOADS.c.key == key, UPLOADS.c.id > upload_id))
        place = UPLOADS.c.key >= key if at_or_after else later
        mine = [UPLOADS.c.bucket == bucket.id, UPLOADS.c.finished.is_(None), place, UPLOADS.c.key >= prefix]
        if prefix:
            mine.append(UPLOADS.c.key < successor(prefix))
        rows = list(
            connection.execute(
                select(UPLOADS).where(*mine).order_by(UPLOADS.c.key, UPLOADS.c.id).limit(_BATCH)
            )
        )
        seen = None
        for row in rows:
            common = common_prefix(row.key, prefix, delimiter)
            if common is None or common != seen:
                yield row, common
            seen = common
        if len(rows) < _BATCH:
            return
        at_or_after = seen is not None
        after = (successor(seen), "") if seen is not None else (rows[-1].key, rows[-1].id)

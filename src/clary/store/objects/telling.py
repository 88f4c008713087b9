"""What becomes of a bucket's objects, noted for EventBridge where the bucket asks for it.

It is noted in the write's own transaction, as every announced change is. evidence/events-s3.md
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from clary.core.document import Document
from clary.store.events import outbox
from clary.store.objects.model import Bucket, ObjectInfo, Removal
from clary.store.times import micros

SETTING = "EventBridge"
"""The setting of a bucket that asks for it."""


def created(connection: Connection, bucket: Bucket, info: ObjectInfo, reason: str, now: datetime) -> None:
    """Note that an object was put."""
    if SETTING in bucket.settings:
        told: Document = {"key": info.key, "size": info.size, "etag": info.etag}
        told |= {"version-id": info.version} if bucket.versioning else {}
        _note(connection, bucket, {"object": told, "reason": reason}, now, gone=False)


def removed(
    connection: Connection, bucket: Bucket, key: str, removal: Removal, how: str, reason: str, now: datetime
) -> None:
    """Note that an object, or a version, was deleted, if there was one."""
    if SETTING in bucket.settings and removal.existed:
        told: Document = {"key": key}
        told |= {"version-id": removal.version} if bucket.versioning else {}
        _note(connection, bucket, {"object": told, "reason": reason, "deletion-type": how}, now, gone=True)


def _note(connection: Connection, bucket: Bucket, doc: Document, now: datetime, *, gone: bool) -> None:
    place = bucket.account, bucket.region, micros(now)
    outbox.note_object(connection, *place, f"arn:aws:s3:::{bucket.name}", doc, gone=gone)

"""Buckets: their names, their owners, and the settings their configuration calls keep."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from clary.core.document import Document, loads
from clary.store.objects.errors import NoSuchBucket, refused
from clary.store.objects.garbage import throw_away
from clary.store.objects.model import Bucket
from clary.store.objects.tables import BUCKETS, OBJECTS, PARTS, UPLOADS, VERSIONS
from clary.store.statement import Statement
from clary.store.times import from_micros, micros

_NAME = re.compile(
    r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)(?<!--x-s3)"
)

FIND = Statement(select(BUCKETS).where(BUCKETS.c.name == bindparam("called")))
"""Finds a bucket for `describe`."""
_NOT_EMPTY = "The bucket you tried to delete is not empty"
_HAS_VERSIONS = f"{_NOT_EMPTY}. You must delete all versions in the bucket."


def create(connection: Connection, name: str, account: str, region: str, now: datetime) -> Bucket:
    """Make an empty bucket; one that exists is refused, and the error says whose it is."""
    check_name(name)
    present = find(connection, name)
    if present is not None and present.account == account:
        message = "Your previous request to create the named bucket succeeded and you already own it."
        raise refused("BucketAlreadyOwnedByYou", message, BucketName=name)
    if present is not None:
        raise refused(
            "BucketAlreadyExists",
            "The requested bucket name is not available. The bucket namespace is shared by all users of the "
            "system. Please select a different name and try again.",
            BucketName=name,
        )
    row = {"name": name, "account": account, "region": region, "created": micros(now), "settings": {}}
    connection.execute(insert(BUCKETS).values(row))
    return get(connection, name)


def find(connection: Connection, name: str) -> Bucket | None:
    """Return a bucket, or None."""
    row = FIND.row(connection, called=name)
    return None if row is None else describe(row)


def get(connection: Connection, name: str) -> Bucket:
    """Return a bucket; one that is absent is NoSuchBucket."""
    bucket = find(connection, name)
    if bucket is None:
        raise NoSuchBucket(name)
    return bucket


def every(connection: Connection, account: str | None) -> list[Bucket]:
    """Return the buckets of an account, or of all, in order of their names."""
    query = select(BUCKETS).order_by(BUCKETS.c.name)
    if account is not None:
        query = query.where(BUCKETS.c.account == account)
    return [describe(row) for row in connection.execute(query)]


def remove(connection: Connection, name: str, now: datetime) -> None:
    """Delete an empty bucket; its uploads in flight go with it."""
    bucket = get(connection, name)
    for table, message in ((OBJECTS, _NOT_EMPTY), (VERSIONS, _HAS_VERSIONS)):
        if connection.execute(select(table.c.size).where(table.c.bucket == bucket.id).limit(1)).first():
            raise refused("BucketNotEmpty", message, BucketName=name)
    mine = select(UPLOADS.c.id).where(UPLOADS.c.bucket == bucket.id).scalar_subquery()
    throw_away(
        connection, connection.scalars(select(PARTS.c.content).where(PARTS.c.upload.in_(mine))).all(), now
    )
    connection.execute(delete(PARTS).where(PARTS.c.upload.in_(mine)))
    connection.execute(delete(UPLOADS).where(UPLOADS.c.bucket == bucket.id))
    connection.execute(delete(BUCKETS).where(BUCKETS.c.id == bucket.id))


def configure(connection: Connection, name: str, changes: Document, drop: Iterable[str]) -> Bucket:
    """Keep some settings of a bucket and drop others."""
    bucket = get(connection, name)
    settings = {**{k: v for k, v in bucket.settings.items() if k not in set(drop)}, **changes}
    connection.execute(update(BUCKETS).where(BUCKETS.c.id == bucket.id).values(settings=settings))
    return get(connection, name)


def check_name(name: str) -> None:
    """Refuse what is no bucket name by S3's rules for general purpose buckets."""
    if not _NAME.fullmatch(name) or ".." in name or _is_address(name):
        raise refused("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def describe(row: Sequence[Any]) -> Bucket:
    """Return a row of the table, as the driver gives it, as callers see it."""
    number, name, account, region, created, settings = row
    return Bucket(
        id=number,
        name=name,
        account=account,
        region=region,
        created=from_micros(created),
        settings=loads(settings) if isinstance(settings, str) else settings,
    )

"""Listings: one range scan of the index, which steps over a common prefix instead of through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Row, select

from clary.store.objects.index import LISTED, describe
from clary.store.objects.model import Bucket, Listing
from clary.store.objects.tables import OBJECTS

_FEW = 16  # Rows read after a step over a common prefix: the next one may be another prefix.
_MANY = 1001


@dataclass(frozen=True)
class Query:
    """What to list: keys and common prefixes, those greater than `after`, at most `limit` of them."""

    prefix: bytes
    delimiter: bytes
    after: bytes
    limit: int


def walk(connection: Connection, bucket: Bucket, query: Query, directory: Path) -> Listing:
    """Return one page of the listing, in the byte order of the keys."""
    page = Listing([], [], False, "")
    last = b""
    for row, common in entries(connection, bucket, query):
        if len(page.objects) + len(page.prefixes) == query.limit:
            return Listing(page.objects, page.prefixes, True, last.decode())
        if common is None:
            page.objects.append(describe(row, bucket, directory))
            last = row.key
        else:
            page.prefixes.append(common.decode())
            last = common
    return page


def entries(
    connection: Connection, bucket: Bucket, query: Query
) -> Iterator[tuple[Row[*tuple[object, ...]], bytes | None]]:
    """Yield rows of the index, each with the common prefix it stands for, if it stands for one."""
    low, end = start(query), successor(query.prefix)
    batch = _FEW if query.delimiter else min(query.limit + 1, _MANY)
    while True:
        rows = _seek(connection, bucket, low, end, batch)
        stepped = False
        for row in rows:
            if row.key < low:
                continue
            common = common_prefix(row.key, query.prefix, query.delimiter)
            yield row, common
            stepped = common is not None
            low = row.key + b"\0" if common is None else successor(common)
        if len(rows) < batch:
            return
        batch = _FEW if stepped else min(batch * 4, _MANY)


def start(query: Query) -> bytes:
    """Return the least key that may be listed. A common prefix up to `after` is not listed again."""
    common = common_prefix(query.after, query.prefix, query.delimiter)
    if common is not None:
        return max(successor(common), query.prefix)
    return max(query.after + b"\0", query.prefix) if query.after else query.prefix


def common_prefix(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    """Return the key up to and with the first delimiter after the prefix, if there is one."""
    if not delimiter or not key.startswith(prefix):
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def successor(prefix: bytes) -> bytes:
    """Return the least key greater than every key with that prefix; empty when the prefix is."""
    return prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b""  # UTF-8 has no byte 0xff to carry from


def _seek(
    connection: Connection, bucket: Bucket, low: bytes, end: bytes, limit: int
) -> list[Row[*tuple[object, ...]]]:
    query = select(*LISTED).where(OBJECTS.c.bucket == bucket.id, OBJECTS.c.key >= low)
    if end:
        query = query.where(OBJECTS.c.key < end)
    return list(connection.execute(query.order_by(OBJECTS.c.key).limit(limit)))

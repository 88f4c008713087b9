"""What has happened: each write that changes an announced record leaves a note in its own transaction.

So no crash loses an event, whoever wrote. A note keeps the record as it was written, since others may follow
before anybody looks; `put` keeps events that come ready-made. Notes are worked off in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Text, cast, delete, func, insert, select, text

from clary.core.document import Document
from clary.resources.spec import Resource
from clary.store.database import Database
from clary.store.events.tables import HAPPENED
from clary.store.record import Record, status_of

EVENT = "Event"
"""What the kind of a note is called that is an event already."""

OBJECT = "Object"
"""What the kind of a note is called that tells of an object of S3."""

FORWARDED = "forwarded"
"""The `was` of an event that another bus handed on."""

_NOTE = text(  # copied within the database: the document is written out once as it is
    "INSERT INTO event_happened (account, region, at, kind, arn, was, changed, gone, doc) "
    "SELECT account, region, modified, kind, arn, :was, :changed, :gone, doc FROM records WHERE uid = :uid"
)


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One note. `at` is in microseconds; `was` the status before, "" of what is new.

    `changed` names the announced members that were written anew.
    """

    id: int
    account: str
    region: str
    at: int
    kind: str
    arn: str
    was: str
    changed: tuple[str, ...]
    gone: bool
    doc: Document


def note(connection: Connection, resource: Resource, uid: str) -> None:
    """Note that a record was made, if its kind is announced."""
    if resource.announced:
        connection.execute(_NOTE, {"uid": uid, "was": "", "changed": "", "gone": 0})


def note_change(
    connection: Connection, resource: Resource, record: Record, values: Mapping[str, Any]
) -> None:
    """Note what was just written over a record, if it changes what its kind announces."""
    if not resource.announced:
        return
    before, now = record.doc, values["doc"]
    changed = [name for name in sorted(resource.announces) if before.get(name) != now.get(name)]
    if changed or status_of(resource, before) != status_of(resource, now):
        said = {"uid": record.uid, "was": record.status, "changed": " ".join(changed), "gone": 0}
        connection.execute(_NOTE, said)


def note_gone(connection: Connection, resource: Resource, record: Record) -> None:
    """Note that a record is about to end, if its kind is announced and has no status that says so."""
    if resource.announced and not resource.status:
        connection.execute(_NOTE, {"uid": record.uid, "was": "", "changed": "", "gone": 1})


def note_object(
    connection: Connection, account: str, region: str, at: int, bucket: str, doc: Document, *, gone: bool
) -> None:
    """Note what became of an object of a bucket, given by its ARN."""
    made = {"account": account, "region": region, "at": at, "kind": OBJECT, "arn": bucket}
    connection.execute(insert(HAPPENED).values(**made, was="", changed="", gone=int(gone), doc=doc))


def put(
    connection: Connection,
    account: str,
    region: str,
    at: int,
    event: Document,
    bus: str,
    *,
    forwarded: bool = False,
) -> None:
    """Keep an event for the rules of a bus, given by its ARN."""
    made = {"account": account, "region": region, "at": at, "kind": EVENT, "arn": bus, "gone": 0}
    connection.execute(
        insert(HAPPENED).values(**made, was=FORWARDED if forwarded else "", changed="", doc=event)
    )


def after(database: Database, last: int, limit: int, size: int) -> list[Happened]:
    """Return the notes that follow one in their order: as many as have that size together, one at least."""
    behind = select(HAPPENED.c.id, func.length(cast(HAPPENED.c.doc, Text))).where(HAPPENED.c.id > last)
    wanted = select(HAPPENED).where(HAPPENED.c.id > last).order_by(HAPPENED.c.id)
    with database.read() as connection:
        many = 0
        for _, length in connection.execute(behind.order_by(HAPPENED.c.id).limit(limit)):
            size -= length
            if many and size < 0:
                break
            many += 1
        return [_happened(row) for row in connection.execute(wanted.limit(many)).mappings()] if many else []


def done(connection: Connection, last: int) -> None:
    """Forget the notes up to one, in the transaction that keeps what they led to."""
    connection.execute(delete(HAPPENED).where(HAPPENED.c.id <= last))


def _happened(row: RowMapping) -> Happened:
    return Happened(**{**row, "changed": tuple(row["changed"].split()), "gone": bool(row["gone"])})

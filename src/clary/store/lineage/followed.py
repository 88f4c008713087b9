"""What automatic lineage has yet to look at: a write of a traced record leaves a note in its own transaction.

So nothing is lost to a crash, whoever wrote, and whoever follows may be late: it asks what there is now. What
was deleted meanwhile is kept in the note as it was last.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, text

from clary.core.document import Document
from clary.resources.spec import Resource
from clary.store.database import Database
from clary.store.lineage.tables import FOLLOWED
from clary.store.record import COLUMNS, Record, from_row
from clary.store.tables import RECORDS

_NOTE = text("INSERT INTO lineage_followed (uid) VALUES (:uid) ON CONFLICT (uid) DO NOTHING")
_KEPT = ("uid", "service", "kind", "account", "region", "key", "name", "arn", "version", "doc", "status")


@dataclass(frozen=True)
class Note:
    """One record to be followed, as it is or as it was when it was deleted."""

    uid: str
    record: Record | None
    was: Document | None


def note(connection: Connection, resource: Resource, uid: str) -> None:
    """Note that a record was written, if its lineage is traced."""
    if resource.traced:
        connection.execute(_NOTE, {"uid": uid})


def note_gone(connection: Connection, resource: Resource, record: Record) -> None:
    """Keep a traced record that was just deleted, if its last state has not been followed."""
    if resource.traced:
        was = {name: getattr(record, name) for name in _KEPT}
        pending = FOLLOWED.update().where(FOLLOWED.c.uid == record.uid)
        connection.execute(pending.values(was=was))


def pending(database: Database, limit: int) -> list[str]:
    """Return the uids of some records to be followed."""
    with database.read() as connection:
        return list(connection.scalars(select(FOLLOWED.c.uid).limit(limit)))


def read(connection: Connection, uid: str) -> Note | None:
    """Return what is to be followed of a record, None when that was done."""
    row = connection.execute(select(FOLLOWED).where(FOLLOWED.c.uid == uid)).first()
    if row is None:
        return None
    found = connection.execute(select(*COLUMNS).where(RECORDS.c.uid == uid)).mappings().first()
    return Note(uid, None if found is None else from_row(found), row.was)


def done(connection: Connection, found: Note) -> None:
    """Forget a note that was followed, in the transaction that followed it."""
    connection.execute(delete(FOLLOWED).where(FOLLOWED.c.uid == found.uid))

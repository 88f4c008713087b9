"""Which time of a schedule was acted on last, kept in the transaction that acts: each is acted on once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, text

from clary.store.database import Database
from clary.store.events.tables import REACHED
from clary.store.times import from_micros, micros

_REACH = text(
    "INSERT INTO event_reached (uid, at) VALUES (:uid, :at) "
    "ON CONFLICT (uid) DO UPDATE SET at = excluded.at WHERE excluded.at > event_reached.at"
)


def reach(connection: Connection, uid: str, at: datetime) -> bool:
    """Say that a time is acted on in this transaction; False when it, or a later one, was before."""
    return connection.execute(_REACH, {"uid": uid, "at": micros(at)}).rowcount == 1


def last(database: Database, uid: str) -> datetime | None:
    """Return the last time that was acted on."""
    with database.read() as connection:
        found = connection.scalar(select(REACHED.c.at).where(REACHED.c.uid == uid))
    return None if found is None else from_micros(found)


def forget(connection: Connection, uid: str) -> None:
    """Forget what ends in this transaction: until then no time of it may come again."""
    connection.execute(delete(REACHED).where(REACHED.c.uid == uid))

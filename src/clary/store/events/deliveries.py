"""What is on its way to a target: kept until it arrived, or was given up by the rules of who sent it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from clary.core.document import Document
from clary.store.database import Database
from clary.store.events.tables import DELIVERIES

_D = DELIVERIES.c


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One event for one target; times are in microseconds.

    `token` is the same whenever the same event is sent to the same target. `source` is the rule or schedule
    that sends it; `request` says where to and what.
    """

    account: str
    region: str
    source: str
    token: str
    request: Document
    due: int
    expires: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Delivery(Outgoing):
    """One that is kept."""

    id: int
    tries: int


def add(connection: Connection, one: Outgoing) -> None:
    """Keep what is to be delivered, in the transaction that says so."""
    connection.execute(insert(DELIVERIES).values(**vars(one), tries=0))


def due(database: Database, now: int, limit: int) -> list[Delivery]:
    """Return what is to be delivered now, the longest due first."""
    wanted = select(DELIVERIES).where(_D.due <= now).order_by(_D.due, _D.id).limit(limit)
    with database.read() as connection:
        return [Delivery(**row) for row in connection.execute(wanted).mappings()]


def next_due(database: Database) -> int | None:
    """Return when something is to be delivered next."""
    with database.read() as connection:
        found: int | None = connection.scalar(select(func.min(_D.due)))
        return found


def done(connection: Connection, id: int) -> None:
    """Forget what arrived or was given up, in the transaction of what became of it."""
    connection.execute(delete(DELIVERIES).where(_D.id == id))


def put_off(connection: Connection, id: int, until: int) -> None:
    """Say when to try again."""
    connection.execute(update(DELIVERIES).where(_D.id == id).values(due=until, tries=_D.tries + 1))

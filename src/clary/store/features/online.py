"""Online feature records: one row an identifier, and of two records the one whose event is later.

A soft deletion leaves a row without features, so that a record from before it does not come back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.dialects.sqlite import insert  # PostgreSQL's has the same words

from clary.core.clock import Clock
from clary.core.document import Document
from clary.store.database import Database
from clary.store.features.tables import ONLINE
from clary.store.times import micros

_SWEEP = 200  # Expired records that a write takes away with it.


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What is known of one identifier. `event` and `expires` are microseconds since 1970.

    `features` holds feature values by name: a string, or a list of them for a collection.
    """

    identifier: str
    event: int
    features: Document
    expires: int | None = None
    deleted: bool = False


class OnlineStore:
    """The records of one feature group. What has expired is not there any more, swept up or not."""

    def __init__(self, database: Database, clock: Clock, group: str) -> None:
        self._database = database
        self._clock = clock
        self._group = group

    def find(self, identifier: str) -> Stored | None:
        """Return the newest record, or what its deletion left."""
        return self.find_all([identifier]).get(identifier)

    def find_all(self, identifiers: Collection[str]) -> dict[str, Stored]:
        """Return the newest records of several identifiers."""
        wanted = and_(self._mine(), ONLINE.c.identifier.in_(identifiers))
        with self._database.read() as connection:
            rows = connection.execute(select(ONLINE).where(wanted)).mappings().all()
        return {
            row["identifier"]: Stored(
                identifier=row["identifier"],
                event=row["event"],
                features=row["features"],
                expires=row["expires"],
                deleted=row["deleted"],
            )
            for row in rows
        }

    def page(self, after: str, limit: int, *, deleted: bool) -> list[str]:
        """Return identifiers that come after one, in their order; those of deleted records if asked for."""
        wanted = [self._mine(), ONLINE.c.identifier > after]
        if not deleted:
            wanted.append(ONLINE.c.deleted.is_(False))
        statement = select(ONLINE.c.identifier).where(*wanted).order_by(ONLINE.c.identifier).limit(limit)
        with self._database.read() as connection:
            return list(connection.scalars(statement))

    def put(self, record: Stored) -> None:
        """Keep a record in the place of whatever the identifier has."""
        with self._database.write() as connection:
            values = {
                "event": record.event,
                "expires": record.expires,
                "deleted": record.deleted,
                "features": record.features,
            }
            kept = insert(ONLINE).values(feature_group=self._group, identifier=record.identifier, **values)
            key = [ONLINE.c.feature_group, ONLINE.c.identifier]
            connection.execute(kept.on_conflict_do_update(index_elements=key, set_=values))

    def remove(self, identifier: str) -> None:
        """Forget an identifier."""
        with self._database.write() as connection:
            connection.execute(delete(ONLINE).where(self._at(identifier)))

    def clear(self) -> None:
        """Forget the whole group."""
        with self._database.write() as connection:
            connection.execute(delete(ONLINE).where(ONLINE.c.feature_group == self._group))

    def sweep(self) -> None:
        """Take some expired records of any group away: whoever writes does, so that none stay for long."""
        key = (ONLINE.c.feature_group, ONLINE.c.identifier)
        with self._database.write() as connection:
            gone = connection.execute(select(*key).where(self._expired()).limit(_SWEEP)).all()
            for group, identifier in gone:
                connection.execute(delete(ONLINE).where(key[0] == group, key[1] == identifier))

    def _mine(self) -> ColumnElement[bool]:
        lasting = or_(ONLINE.c.expires.is_(None), ONLINE.c.expires > micros(self._clock.now()))
        return and_(ONLINE.c.feature_group == self._group, lasting)

    def _at(self, identifier: str) -> ColumnElement[bool]:
        return and_(ONLINE.c.feature_group == self._group, ONLINE.c.identifier == identifier)

    def _expired(self) -> ColumnElement[bool]:
        return ONLINE.c.expires <= micros(self._clock.now())

"""The statements by which a loop takes what is due, made once for the kinds it tends.

A loop asks them at every turn: to put them together anew took longer than to run them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import (
    BindParameter,
    Connection,
    RowMapping,
    Select,
    Update,
    and_,
    bindparam,
    or_,
    select,
    update,
)

from clary.resources.spec import Resource
from clary.store.record import COLUMNS
from clary.store.tables import RECORDS

_TAKE: Update = (
    update(RECORDS)
    .where(RECORDS.c.id.in_(bindparam("ids", expanding=True)))
    .values(lease_owner=bindparam("owner"), lease_until=bindparam("until"))
)


@dataclass(frozen=True)
class Claims:
    """Finds the records of some kinds that nobody holds: those that are due, and those somebody heard of."""

    due: Select[tuple[object, ...]]
    heard: Select[tuple[object, ...]]
    any_due: Select[tuple[int]]
    any_heard: Select[tuple[int]]

    def there_are(self, connection: Connection, now: int | None, hurry: Collection[str]) -> bool:
        """Say whether there is anything to take."""
        asked = {"now": now, "most": 1}
        if hurry and connection.scalar(self.any_heard, {**asked, "hurry": list(hurry)}) is not None:
            return True
        return connection.scalar(self.any_due, asked) is not None

    def take(
        self, connection: Connection, now: int | None, most: int, hurry: Collection[str]
    ) -> list[RowMapping]:
        """Return up to so many rows: what was heard of first, then what is due, longest due first."""
        asked = {"now": now, "most": most}
        heard = connection.execute(self.heard, {**asked, "hurry": list(hurry)}) if hurry else None
        rows = [*heard.mappings()] if heard is not None else []
        if len(rows) < most:
            known = {row["id"] for row in rows}
            found = connection.execute(self.due, asked).mappings()
            rows += [row for row in found if row["id"] not in known]
        return rows[:most]

    def one(self, connection: Connection, now: int | None, uid: str) -> RowMapping | None:
        """Return the row of a record that somebody heard of, if it is free."""
        return connection.execute(self.heard, {"now": now, "most": 1, "hurry": [uid]}).mappings().first()


@lru_cache(64)
def claims(*kinds: Resource) -> Claims:
    """Return the statements for these kinds."""
    wanted = or_(*(and_(RECORDS.c.service == k.service, RECORDS.c.kind == k.kind) for k in kinds))
    free = or_(RECORDS.c.lease_until.is_(None), RECORDS.c.lease_until <= bindparam("now"))
    due = RECORDS.c.due <= bindparam("now")
    heard = and_(RECORDS.c.uid.in_(bindparam("hurry", expanding=True)), RECORDS.c.due.is_not(None))
    every, one = select(RECORDS.c.id, *COLUMNS).where(wanted, free), select(RECORDS.c.id).where(wanted, free)
    most: BindParameter[int] = bindparam("most")
    return Claims(
        due=every.where(due).order_by(RECORDS.c.due).limit(most),
        heard=every.where(heard).limit(most),
        any_due=one.where(due).limit(most),
        any_heard=one.where(heard).limit(most),
    )


def hold(connection: Connection, ids: Collection[int], owner: str, until: int | None) -> None:
    """Give rows to an owner until then."""
    connection.execute(_TAKE, {"ids": list(ids), "owner": owner, "until": until})

"""What alarms went through, kept for as long as CloudWatch keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, tuple_

from clary.store.database import Database
from clary.store.metrics.alarm_tables import HISTORY
from clary.store.times import from_micros, micros

KEPT = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that happened to an alarm; `key` is its own, so that it is kept once."""

    alarm: str
    alarm_type: str
    key: str
    kind: str
    at: datetime
    summary: str
    data: str
    id: int = 0


class AlarmHistory:
    """The history of one account's alarms in one region."""

    def __init__(self, database: Database, account: str, region: str) -> None:
        self._database = database
        self._place = {"account": account, "region": region}

    def add(self, items: Sequence[Item]) -> None:
        """Keep items; one whose key is known is the same."""
        with self._database.write() as connection:
            keys = [item.key for item in items]
            known = set(connection.scalars(select(HISTORY.c.key).where(HISTORY.c.key.in_(keys))))
            rows = [{**self._place, **_row(item)} for item in items if item.key not in known]
            if rows:
                connection.execute(insert(HISTORY), rows)

    def page(
        self,
        *,
        alarm: str | None = None,
        alarm_types: Sequence[str] = (),
        kind: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        descending: bool = True,
        after: tuple[int, int] | None = None,
        limit: int,
    ) -> list[Item]:
        """Return items by time, from behind the (milliseconds, id) `after` on."""
        where = [HISTORY.c[name] == value for name, value in self._place.items()]
        for column, value in (("alarm", alarm), ("kind", kind)):
            if value is not None:
                where.append(HISTORY.c[column] == value)
        if alarm_types:
            where.append(HISTORY.c.alarm_type.in_(alarm_types))
        if start is not None:
            where.append(HISTORY.c.at >= micros(start) // 1000)
        if end is not None:
            where.append(HISTORY.c.at <= micros(end) // 1000)
        order = (HISTORY.c.at, HISTORY.c.id)
        if after is not None:
            here, there = tuple_(*order), tuple_(*after)
            where.append(here < there if descending else here > there)
        ways = [column.desc() if descending else column.asc() for column in order]
        found = select(HISTORY).where(*where).order_by(*ways).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(found).mappings().all()
        names = ("id", "alarm", "alarm_type", "key", "kind", "summary", "data")
        return [Item(at=from_micros(row["at"] * 1000), **{name: row[name] for name in names}) for row in rows]


def sweep(database: Database, now: datetime) -> None:
    """Let go of what is older than CloudWatch tells, of every account."""
    with database.write() as connection:
        connection.execute(delete(HISTORY).where(HISTORY.c.at < micros(now - KEPT) // 1000))


def _row(item: Item) -> dict[str, object]:
    names = ("alarm", "alarm_type", "key", "kind", "summary", "data")
    return {"at": micros(item.at) // 1000, **{name: getattr(item, name) for name in names}}

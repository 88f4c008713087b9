"""CloudWatch Logs: groups and streams, and what is written to them. Reading is `clary.store.log_reader`.

What a program printed arrives with the byte offset it came from, kept in the same transaction as the events,
so that a controller that died between reading and writing neither loses nor doubles a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, tuple_, update

from clary.core.clock import Clock
from clary.core.errors import ApiError
from clary.store import log_reader
from clary.store.database import Database
from clary.store.log_reader import Event, Events, Test, Window
from clary.store.log_tables import EVENTS, GROUPS, STREAMS
from clary.store.times import micros

EVENT_OVERHEAD = 26  # Bytes CloudWatch counts for each event besides its message.


@dataclass(frozen=True, kw_only=True)
class Group:
    """One log group; times are milliseconds."""

    name: str
    created: int
    retention_days: int | None
    stored_bytes: int
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One log stream; times are milliseconds."""

    name: str
    created: int
    first_event: int | None
    last_event: int | None
    last_ingestion: int | None


class Logs:
    """All log groups of a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def put(
        self,
        account: str,
        region: str,
        group: str,
        stream: str,
        events: Sequence[tuple[int, str]],
        *,
        offset: int | None = None,
        next_offset: int | None = None,
    ) -> int:
        """Append events (milliseconds, message), creating group and stream; return the source offset reached.

        With `offset`, nothing is written unless the stream stands exactly there: what came twice is dropped,
        and a caller that is ahead resumes from the offset it is told.
        """
        with self._database.write() as connection:
            group_id = self._ensure_group(connection, account, region, group)
            row = self._ensure_stream(connection, group_id, stream)
            reached = int(row["source_offset"])
            if offset is not None:
                if offset != reached or next_offset is None:
                    return reached
                reached = next_offset
            self._append(connection, row, events, reached)
            self._expire(connection, group_id)
        return reached

    def offset(self, account: str, region: str, group: str, stream: str) -> int:
        """Return how far a stream's source has been read, 0 for one that is not there."""
        place = (GROUPS.c.account == account, GROUPS.c.region == region, GROUPS.c.name == group)
        found = select(STREAMS.c.source_offset).join(GROUPS, GROUPS.c.id == STREAMS.c.group_id)
        with self._database.read() as connection:
            return int(connection.scalar(found.where(*place, STREAMS.c.name == stream)) or 0)

    def create_group(self, account: str, region: str, name: str, tags: Mapping[str, str]) -> None:
        """Create a group; a taken name is ResourceAlreadyExistsException."""
        with self._database.write() as connection:
            if _group_row(connection, account, region, name) is not None:
                raise _exists("log group")
            self._ensure_group(connection, account, region, name, tags)

    def create_stream(self, account: str, region: str, group: str, name: str) -> None:
        """Create a stream; a taken name is ResourceAlreadyExistsException."""
        with self._database.write() as connection:
            group_id = _group_id(connection, account, region, group)
            if _stream_row(connection, group_id, name) is not None:
                raise _exists("log stream")
            self._ensure_stream(connection, group_id, name)

    def require_stream(self, account: str, region: str, group: str, name: str) -> None:
        """Raise ResourceNotFoundException unless group and stream are there."""
        with self._database.read() as connection:
            _stream_id(connection, _group_id(connection, account, region, group), name)

    def delete_group(self, account: str, region: str, name: str) -> None:
        """Delete a group with all it holds."""
        with self._database.write() as connection:
            group_id = _group_id(connection, account, region, name)
            connection.execute(delete(EVENTS).where(EVENTS.c.group_id == group_id))
            connection.execute(delete(STREAMS).where(STREAMS.c.group_id == group_id))
            connection.execute(delete(GROUPS).where(GROUPS.c.id == group_id))

    def delete_stream(self, account: str, region: str, group: str, name: str) -> None:
        """Delete a stream with its events."""
        with self._database.write() as connection:
            stream_id = _stream_id(connection, _group_id(connection, account, region, group), name)
            connection.execute(delete(EVENTS).where(EVENTS.c.stream_id == stream_id))
            connection.execute(delete(STREAMS).where(STREAMS.c.id == stream_id))

    def retain(self, account: str, region: str, name: str, days: int | None) -> None:
        """Say for how many days a group's events are kept; None keeps them for ever."""
        with self._database.write() as connection:
            group_id = _group_id(connection, account, region, name)
            connection.execute(update(GROUPS).where(GROUPS.c.id == group_id).values(retention_days=days))
            self._expire(connection, group_id)

    def tag(
        self, account: str, region: str, name: str, tags: Mapping[str, str], *, remove: Sequence[str] = ()
    ) -> None:
        """Add tags to a group and take others away."""
        with self._database.write() as connection:
            row = _group(connection, account, region, name)
            kept = {key: value for key, value in {**row["tags"], **tags}.items() if key not in remove}
            connection.execute(update(GROUPS).where(GROUPS.c.id == row["id"]).values(tags=kept))

    def group(self, account: str, region: str, name: str) -> Group:
        """Return one group; an absent one is ResourceNotFoundException."""
        with self._database.read() as connection:
            return _as_group(_group(connection, account, region, name))

    def last_event(self) -> int:
        """Return the number of the newest event of any group; numbers only grow."""
        with self._database.read() as connection:
            return int(connection.scalar(select(func.max(EVENTS.c.id))) or 0)

    def after(self, account: str, region: str, group: str, number: int, limit: int) -> list[Event]:
        """Return a group's events behind the event of that number, in the order they came in."""
        with self._database.read() as connection:
            group_id = _group_id(connection, account, region, group)
            return log_reader.after(connection, group_id, number, limit)

    def groups(
        self,
        account: str,
        region: str,
        *,
        prefix: str = "",
        pattern: str = "",
        after: str | None = None,
        limit: int,
    ) -> list[Group]:
        """Return groups by name, from behind `after` on; `pattern` is a part of the name."""
        wanted = select(GROUPS).where(GROUPS.c.account == account, GROUPS.c.region == region)
        if prefix:
            wanted = wanted.where(GROUPS.c.name.startswith(prefix, autoescape=True))
        if pattern:
            wanted = wanted.where(GROUPS.c.name.contains(pattern, autoescape=True))
        if after is not None:
            wanted = wanted.where(GROUPS.c.name > after)
        with self._database.read() as connection:
            return [
                _as_group(r)
                for r in connection.execute(wanted.order_by(GROUPS.c.name).limit(limit)).mappings()
            ]

    def streams(
        self,
        account: str,
        region: str,
        group: str,
        *,
        prefix: str = "",
        by_time: bool = False,
        descending: bool = False,
        after: tuple[int, str] | None = None,
        limit: int,
    ) -> list[Stream]:
        """Return a group's streams by name, or by last event, from behind the (time, name) `after` on."""
        order = [STREAMS.c.active, STREAMS.c.name] if by_time else [STREAMS.c.name]
        with self._database.read() as connection:
            group_id = _group_id(connection, account, region, group)
            wanted = select(STREAMS).where(STREAMS.c.group_id == group_id)
            if prefix:
                wanted = wanted.where(STREAMS.c.name.startswith(prefix, autoescape=True))
            if after is not None:
                here, there = tuple_(*order), tuple_(*(after if by_time else after[1:]))
                wanted = wanted.where(here < there if descending else here > there)
            ways = [column.desc() if descending else column.asc() for column in order]
            return [_as_stream(r) for r in connection.execute(wanted.order_by(*ways).limit(limit)).mappings()]

    def read(self, account: str, region: str, group: str, stream: str, window: Window) -> Events:
        """Return a window of one stream, oldest first, with the tokens that lead on and back."""
        with self._database.read() as connection:
            row = _group(connection, account, region, group)
            stream_id = _stream_id(connection, row["id"], stream)
            return log_reader.read(connection, stream_id, window, self._floor(row))

    def search(
        self,
        account: str,
        region: str,
        group: str,
        window: Window,
        *,
        streams: Sequence[str] = (),
        prefix: str = "",
        test: Test | None = None,
    ) -> Events:
        """Return events of many streams interleaved by time; `test` chooses among their messages."""
        with self._database.read() as connection:
            row = _group(connection, account, region, group)
            ids = [_stream_id(connection, row["id"], name) for name in streams]
            return log_reader.search(connection, row["id"], ids, prefix, window, self._floor(row), test)

    def _ensure_group(
        self,
        connection: Connection,
        account: str,
        region: str,
        name: str,
        tags: Mapping[str, str] | None = None,
    ) -> int:
        row = _group_row(connection, account, region, name)
        if row is not None:
            return int(row["id"])
        values = {"account": account, "region": region, "name": name, "tags": dict(tags or {})}
        made = insert(GROUPS).values(**values, created=self._now(), stored_bytes=0).returning(GROUPS.c.id)
        return int(connection.execute(made).scalar_one())

    def _ensure_stream(self, connection: Connection, group_id: int, name: str) -> RowMapping:
        row = _stream_row(connection, group_id, name)
        if row is None:
            now = self._now()
            values = {"group_id": group_id, "name": name, "created": now, "active": now, "source_offset": 0}
            row = connection.execute(insert(STREAMS).values(values).returning(STREAMS)).mappings().one()
        return row

    def _append(
        self, connection: Connection, stream: RowMapping, events: Sequence[tuple[int, str]], offset: int
    ) -> None:
        changes: dict[str, Any] = {"source_offset": offset}
        if events:
            now = self._now()
            row = {"group_id": stream["group_id"], "stream_id": stream["id"], "ingested": now}
            connection.execute(insert(EVENTS), [{**row, "timestamp": t, "message": m} for t, m in events])
            first, last = min(t for t, _ in events), max(t for t, _ in events)
            changes["first_event"] = (
                first if stream["first_event"] is None else min(first, stream["first_event"])
            )
            changes["last_event"] = last if stream["last_event"] is None else max(last, stream["last_event"])
            changes |= {"active": changes["last_event"], "last_ingestion": now}
            size = sum(len(m.encode()) + EVENT_OVERHEAD for _, m in events)
            grown = update(GROUPS).where(GROUPS.c.id == stream["group_id"])
            connection.execute(grown.values(stored_bytes=GROUPS.c.stored_bytes + size))
        connection.execute(update(STREAMS).where(STREAMS.c.id == stream["id"]).values(changes))

    def _expire(self, connection: Connection, group_id: int) -> None:
        row = connection.execute(select(GROUPS).where(GROUPS.c.id == group_id)).mappings().one()
        if floor := self._floor(row):
            old = (EVENTS.c.group_id == group_id, EVENTS.c.timestamp < floor)
            size = func.sum(func.length(EVENTS.c.message) + EVENT_OVERHEAD)
            freed = connection.scalar(select(size).where(*old)) or 0
            if freed:
                connection.execute(delete(EVENTS).where(*old))
                kept = max(int(row["stored_bytes"]) - int(freed), 0)
                connection.execute(update(GROUPS).where(GROUPS.c.id == group_id).values(stored_bytes=kept))

    def _floor(self, group: RowMapping) -> int:
        """The oldest time a group still keeps; events before it are as good as gone."""
        days = group["retention_days"]
        return 0 if days is None else _millis(self._clock.now() - timedelta(days=days))

    def _now(self) -> int:
        return _millis(self._clock.now())


def _millis(time: datetime) -> int:
    return micros(time) // 1000


def _group_row(connection: Connection, account: str, region: str, name: str) -> RowMapping | None:
    place = (GROUPS.c.account == account, GROUPS.c.region == region, GROUPS.c.name == name)
    return connection.execute(select(GROUPS).where(*place)).mappings().first()


def _group(connection: Connection, account: str, region: str, name: str) -> RowMapping:
    row = _group_row(connection, account, region, name)
    if row is None:
        raise _absent("log group")
    return row


def _group_id(connection: Connection, account: str, region: str, name: str) -> int:
    return int(_group(connection, account, region, name)["id"])


def _stream_row(connection: Connection, group_id: int, name: str) -> RowMapping | None:
    place = (STREAMS.c.group_id == group_id, STREAMS.c.name == name)
    return connection.execute(select(STREAMS).where(*place)).mappings().first()


def _stream_id(connection: Connection, group_id: int, name: str) -> int:
    row = _stream_row(connection, group_id, name)
    if row is None:
        raise _absent("log stream")
    return int(row["id"])


def _as_group(row: RowMapping) -> Group:
    names = ("name", "created", "retention_days", "stored_bytes", "tags")
    return Group(**{name: row[name] for name in names})


def _as_stream(row: RowMapping) -> Stream:
    names = ("name", "created", "first_event", "last_event", "last_ingestion")
    return Stream(**{name: row[name] for name in names})


def _absent(what: str) -> ApiError:
    return ApiError(f"The specified {what} does not exist.", code="ResourceNotFoundException", status=400)


def _exists(what: str) -> ApiError:
    return ApiError(f"The specified {what} already exists", code="ResourceAlreadyExistsException", status=400)

"""Reading log events: windows of one stream, and searches over many, in pages that hold while events arrive.

A position is an event's (time, id). Tokens name positions, so a client that polls with the last token gets
what came since, and the same token back when nothing did: that is how CloudWatch's clients know the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select, tuple_

from clary.core.errors import ApiError
from clary.store.log_tables import EVENTS, STREAMS

Test = Callable[[str], bool]
Position = tuple[int, int]
Rows = Select[Any]

MAX_EVENTS = 10_000  # Events one answer may have, as CloudWatch limits them.
MAX_BYTES = 1_048_576  # Bytes one answer may have.
SCAN = 50_000  # Events one search reads at most before it answers with a token to go on.
_BATCH = 2_000
_TOKEN = re.compile(r"([fb])/(\d{1,19})-(\d{1,19})/s")
_FIELDS = (
    EVENTS.c.id,
    EVENTS.c.timestamp,
    EVENTS.c.ingested,
    EVENTS.c.message,
    STREAMS.c.name.label("stream"),
)


@dataclass(frozen=True, kw_only=True)
class Window:
    """What to read: events from `start` on and before `end` (milliseconds), from where `token` says."""

    start: int | None = None
    end: int | None = None
    token: str | None = None
    from_head: bool = False
    limit: int = MAX_EVENTS


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of a log; times are milliseconds, `id` is unique in its database."""

    id: int
    stream: str
    timestamp: int
    ingested: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Events:
    """Events, oldest first, with tokens. A search only has `forward`, and None at its end."""

    events: tuple[Event, ...]
    forward: str | None
    backward: str | None = None


def read(connection: Connection, stream_id: int, window: Window, floor: int) -> Events:
    """Return a window of one stream with a token each way."""
    way, position = _parsed(window.token)
    ascending = way == "f" if way else window.from_head
    wanted = _within(_joined().where(EVENTS.c.stream_id == stream_id), window, floor)
    wanted = _next(wanted, position, ascending=ascending)
    rows = connection.execute(wanted.limit(min(window.limit, MAX_EVENTS))).all()
    events = _fitting([_event(row) for row in rows])
    if not ascending:
        events.reverse()
    forward, backward = _ends(events, way, position or (0, 0))
    return Events(events=tuple(events), forward=_token("f", forward), backward=_token("b", backward))


def after(connection: Connection, group_id: int, number: int, limit: int) -> list[Event]:
    """Return a group's events behind the event of that number, in the order they came in."""
    wanted = _joined().where(EVENTS.c.group_id == group_id, EVENTS.c.id > number)
    return [_event(row) for row in connection.execute(wanted.order_by(EVENTS.c.id).limit(limit))]


def search(
    connection: Connection,
    group_id: int,
    streams: Sequence[int],
    prefix: str,
    window: Window,
    floor: int,
    test: Test | None,
) -> Events:
    """Return the events of a group whose messages pass, newest first unless `from_head`, in pages."""
    wanted = _within(_joined().where(EVENTS.c.group_id == group_id), window, floor)
    if streams:
        wanted = wanted.where(EVENTS.c.stream_id.in_(streams))
    if prefix:
        wanted = wanted.where(STREAMS.c.name.startswith(prefix, autoescape=True))
    _, position = _parsed(window.token)
    limit, size, scanned, found = min(window.limit, MAX_EVENTS), 0, 0, list[Event]()
    while scanned < SCAN:
        step = min(_BATCH, limit + 1) if test is None else _BATCH
        rows = connection.execute(_next(wanted, position, ascending=window.from_head).limit(step)).all()
        for row in rows:
            event = _event(row)
            if test is None or test(event.message):
                size += len(event.message.encode())
                if len(found) == limit or (found and size > MAX_BYTES):
                    return Events(events=tuple(found), forward=_token("f", position or (0, 0)))
                found.append(event)
            position = (event.timestamp, event.id)
        scanned += len(rows)
        if len(rows) < step:
            return Events(events=tuple(found), forward=None)
    return Events(events=tuple(found), forward=_token("f", position or (0, 0)))


def _joined() -> Rows:
    return select(*_FIELDS).join(STREAMS, STREAMS.c.id == EVENTS.c.stream_id)


def _within(wanted: Rows, window: Window, floor: int) -> Rows:
    start = max(window.start or 0, floor)
    if start:
        wanted = wanted.where(EVENTS.c.timestamp >= start)
    if window.end is not None:
        wanted = wanted.where(EVENTS.c.timestamp < window.end)
    return wanted


def _next(wanted: Rows, position: Position | None, *, ascending: bool) -> Rows:
    if position is not None:
        here, there = tuple_(EVENTS.c.timestamp, EVENTS.c.id), tuple_(*position)
        wanted = wanted.where(here > there if ascending else here < there)
    return wanted.order_by(*(c.asc() if ascending else c.desc() for c in (EVENTS.c.timestamp, EVENTS.c.id)))


def _fitting(events: list[Event]) -> list[Event]:
    size = 0
    for count, event in enumerate(events):
        size += len(event.message.encode())
        if count and size > MAX_BYTES:
            return events[:count]
    return events


def _ends(events: list[Event], way: str, position: Position) -> tuple[Position, Position]:
    """Where to go on and back from. Nothing found: the same place, and the event at it the other way."""
    if events:
        return (events[-1].timestamp, events[-1].id), (events[0].timestamp, events[0].id)
    time, number = position
    return (time, max(number - 1, 0)) if way == "b" else position, (
        time,
        number + 1,
    ) if way == "f" else position


def _event(row: Row[Any]) -> Event:
    return Event(
        id=row.id, stream=row.stream, timestamp=row.timestamp, ingested=row.ingested, message=row.message
    )


def _token(way: str, position: Position) -> str:
    return f"{way}/{position[0]}-{position[1]}/s"


def _parsed(token: str | None) -> tuple[str, Position | None]:
    if token is None:
        return "", None
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ApiError("The specified nextToken is invalid.", code="InvalidParameterException", status=400)
    return match[1], (int(match[2]), int(match[3]))

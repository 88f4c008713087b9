"""How points get on disk: many callers' batches in one transaction, small chunks joined into larger ones.

A caller's points are on disk when `put` returns. While one transaction is being synced the batches of others
gather, and the next one takes all of them.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from clary.core.clock import Clock
from clary.store.database import Database
from clary.store.lineage import measured
from clary.store.metrics.columns import Columns, join, unpack
from clary.store.metrics.tables import CHUNKS, SERIES
from clary.store.times import micros

RESOURCES = ":sagemaker"
"""The space of what training tells of itself; a namespace of CloudWatch cannot begin with a colon."""

FAN = 64
"""Chunks of one series and level that become one of the next level."""

FULL = 4096
"""Points of a chunk that grows no more."""

TOP = 2
_NEVER = -(1 << 62)
_REMEMBERED = 200_000  # Series whose id a process keeps.


@dataclass(frozen=True)
class Series:
    """What makes one series: whose it is, what it measures, and how it is counted."""

    account: str
    region: str
    space: str
    name: str
    subject: str
    unit: str = ""
    resolution: int = 0


Batch = Sequence[tuple[Series, Columns]]
"""What one caller adds to which series; a series may come several times."""


@dataclass(eq=False)
class _Waiting:
    """One caller's batch on its way to disk."""

    batch: Batch
    done: bool = False


@dataclass
class _Memory:
    """What a writer knows of the tables; only what was committed."""

    ids: dict[Series, int] = field(default_factory=dict)
    tails: dict[tuple[int, str], int] = field(default_factory=dict)


class Writer:
    """Writes the points of all threads of one process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._memory = _Memory()
        self._turn = threading.Lock()
        self._queue: deque[_Waiting] = deque()

    def put(self, batch: Batch) -> None:
        """Return when all of the batch is on disk; raise when none of it is."""
        if not batch:
            return
        if self._database.writing:  # The caller's own transaction says when it is on disk.
            self._write([batch])
            return
        mine = _Waiting(batch)
        self._queue.append(mine)
        with self._turn:
            if mine.done:
                return
            group = tuple(self._queue)
            settled: tuple[_Waiting, ...] = (mine,)
            try:
                self._write([each.batch for each in group])
                settled = group
            finally:
                for each in settled:
                    self._queue.remove(each)
            for each in group:
                each.done = True

    def knows(self, series: Series) -> bool:
        """Tell whether points of a series were written from here."""
        return series in self._memory.ids

    def forget(self) -> None:
        """Ask the tables again which series there are."""
        self._memory = _Memory()

    def _write(self, batches: Sequence[Batch]) -> None:
        points = _gathered(batches)
        try:
            self._commit(points)
        except IntegrityError:  # A series was deleted since its id was read.
            self.forget()
            self._commit(points)

    def _commit(self, points: Mapping[tuple[Series, str], Columns]) -> None:
        memory, now = self._memory, micros(self._clock.now()) // 1000
        made: dict[Series, int] = {}
        tails: dict[tuple[int, str], int] = {}
        chunks, changes = [], []
        with self._database.write() as connection:
            for (series, _), columns in points.items():
                number = memory.ids.get(series) or made.get(series)
                if number is None:
                    number = made[series] = _identify(connection, series, now)
                ordered = columns.ordered()
                changes.append({"b_id": number, "b_active": now, **_statistics(ordered)})
                level = TOP if len(ordered) >= FULL else 1 if len(ordered) >= FAN else 0
                chunks += [_row(number, level, piece) for piece in ordered.pieces(FULL)]
                tail = (number, columns.layout)
                tails[tail] = memory.tails.get(tail, 0) + 1
            connection.execute(insert(CHUNKS), chunks)
            connection.execute(_KEEP_COUNT, changes)
            measured.note(connection, {s.subject for s, _ in points if s.space == RESOURCES})
            for tail, count in tails.items():
                if count >= FAN:
                    for level in range(TOP):
                        _join(connection, *tail, level)
                    tails[tail] = 0
        if self._database.writing:  # The transaction we joined may yet be undone.
            return
        if len(memory.ids) > _REMEMBERED:
            self.forget()
        self._memory.ids.update(made)
        self._memory.tails.update(tails)


def _gathered(batches: Iterable[Batch]) -> dict[tuple[Series, str], Columns]:
    """Put together what the batches have of one series, in the order it came."""
    found: dict[tuple[Series, str], list[Columns]] = {}
    for batch in batches:
        for series, columns in batch:
            if len(columns):
                found.setdefault((series, columns.layout), []).append(columns)
    return {key: join(parts) for key, parts in found.items()}


def _identify(connection: Connection, series: Series, now: int) -> int:
    """Return the id of a series, which may be new."""
    place = vars(series)
    known = connection.scalar(_FIND, {f"b_{name}": value for name, value in place.items()})
    if known is not None:
        return int(known)
    return int(connection.execute(_MAKE, {**place, **_NOTHING, "active": now}).scalar_one())


def _row(series: int, level: int, columns: Columns) -> dict[str, object]:
    times = columns.times
    return {
        "series_id": series,
        "level": level,
        "layout": columns.layout,
        "points": len(columns),
        "first": times[0],
        "last": times[-1],
        "data": columns.pack(),
    }


def _join(connection: Connection, series: int, layout: str, level: int) -> None:
    """Make one chunk of the next level out of a series' chunks, once there are enough."""
    mine = (CHUNKS.c.series_id == series, CHUNKS.c.level == level, CHUNKS.c.layout == layout)
    if (connection.scalar(select(func.count()).where(*mine)) or 0) < FAN:
        return
    rows = connection.execute(select(CHUNKS.c.points, CHUNKS.c.data).where(*mine).order_by(CHUNKS.c.id)).all()
    joined = join([unpack(layout, points, data) for points, data in rows]).ordered()
    connection.execute(delete(CHUNKS).where(*mine))
    connection.execute(insert(CHUNKS), [_row(series, level + 1, piece) for piece in joined.pieces(FULL)])


def _statistics(columns: Columns) -> dict[str, float]:
    values, count = columns.values, len(columns)
    if count == 1:
        low = high = mean = values[0]
        spread = 0.0
    else:
        low, high, mean = min(values), max(values), math.fsum(values) / count
        spread = math.fsum((value - mean) ** 2 for value in values)
    told = {"b_low": low, "b_high": high, "b_mean": mean, "b_spread": spread, "b_points": count}
    return {**told, "b_last_time": columns.times[-1], "b_last_value": values[-1]}


def _new(name: str) -> BindParameter[Any]:
    return bindparam(f"b_{name}", type_=SERIES.c[name].type)


def _edge(name: str, new_wins: ColumnElement[bool]) -> ColumnElement[Any]:
    return case((SERIES.c.points == 0, _new(name)), (new_wins, _new(name)), else_=SERIES.c[name])


_PLACE = tuple(each.name for each in fields(Series))
_FIND = select(SERIES.c.id).where(*(SERIES.c[name] == bindparam(f"b_{name}") for name in _PLACE))
_MAKE = insert(SERIES).returning(SERIES.c.id)
_NOTHING = {
    **dict.fromkeys(("points", "low", "high", "mean", "spread", "last_value"), 0),
    "last_time": _NEVER,
}
_OLD, _COUNT = SERIES.c, _new("points")
_BOTH, _AWAY = _OLD.points + _COUNT, _new("mean") - _OLD.mean
_LATER = _OLD.last_time <= _new("last_time")
_KEEP_COUNT = (
    update(SERIES)
    .where(SERIES.c.id == bindparam("b_id"))
    .values(
        active=_new("active"),
        points=_BOTH,
        low=_edge("low", _OLD.low > _new("low")),
        high=_edge("high", _OLD.high < _new("high")),
        mean=_OLD.mean + _AWAY * _COUNT / _BOTH,
        spread=_OLD.spread + _new("spread") + _AWAY * _AWAY * _OLD.points * _COUNT / _BOTH,
        last_time=case((_LATER, _new("last_time")), else_=_OLD.last_time),
        last_value=case((_LATER, _new("last_value")), else_=_OLD.last_value),
    )
)
"""Lays what is known of new points over what is known of a series, as Chan, Golub and LeVeque put it."""

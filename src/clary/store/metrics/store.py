"""Metric series of every account: written in batches, read by time, summed up, listed and let go."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, RowMapping, delete, select, tuple_

from clary.core.clock import Clock
from clary.store.database import Database
from clary.store.metrics.alarm_tables import HISTORY
from clary.store.metrics.columns import SAGEMAKER, Columns, join, unpack
from clary.store.metrics.committing import PendingPoints, PointCommitter
from clary.store.metrics.tables import CHUNKS, SERIES
from clary.store.metrics.writer import RESOURCES, Batch, Series, Writer
from clary.store.objects.commit import Pending
from clary.store.times import from_micros, micros

__all__ = ["Metrics", "Series", "Summary"]

STANDARD = 60
"""Seconds of CloudWatch's standard resolution; high resolution is 1."""

RETENTION = timedelta(days=455)  # How long CloudWatch keeps a point at its coarsest.


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is known of one metric of a resource without reading its points."""

    name: str
    time: datetime
    last: float
    low: float
    high: float
    mean: float
    deviation: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One listed series without its unit and resolution."""

    space: str
    name: str
    subject: str


class Look(Protocol):
    """One look at a metric: a unit or all of them, from `start` to before `end`, in seconds."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def dimensions(self) -> Sequence[tuple[str, str]]: ...
    @property
    def period(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def unit(self) -> str | None: ...


class Metrics:
    """All series of a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._writer = Writer(database, clock)
        self._committer = PointCommitter(database, self._writer.put)

    def put(self, batch: Batch) -> None:
        """Add points to series. They are on disk when this returns, all of them or none."""
        self._writer.put(batch)

    def submit(self, batch: Batch, told: Callable[[Pending[None]], None]) -> None:
        """Add points to series; returns at once. Another thread calls `told` once they are on disk."""
        self._committer.submit(PendingPoints(batch, told))

    def knows(self, series: Series) -> bool:
        """Tell without a look at the database whether this process has added points to a series."""
        return self._writer.knows(series)

    def read(self, series: Series, start: int | None = None, end: int | None = None) -> list[Columns]:
        """Return a series' points from `start` to before `end` (milliseconds), by time, each layout apart."""
        with self._database.read() as connection:
            number = connection.scalar(select(SERIES.c.id).where(*_is(series)))
            if number is None:
                return []
            wanted = [CHUNKS.c.series_id == number]
            if start is not None:
                wanted.append(CHUNKS.c.last >= start)
            if end is not None:
                wanted.append(CHUNKS.c.first < end)
            found = select(CHUNKS.c.layout, CHUNKS.c.points, CHUNKS.c.data).where(*wanted)
            rows = connection.execute(found.order_by(CHUNKS.c.first, CHUNKS.c.id)).all()
        parts: dict[str, list[Columns]] = {}
        for layout, points, data in rows:
            parts.setdefault(layout, []).append(unpack(layout, points, data))
        return [join(each).ordered().between(start, end) for each in parts.values()]

    def look(self, account: str, region: str, look: Look) -> list[tuple[str, Columns]]:
        """Return what a look at one of CloudWatch's metrics finds, by time, each unit and layout apart.

        A period below a minute sees only what was sent at high resolution.
        """
        place = {"account": account, "region": region, "space": look.namespace, "name": look.name}
        where = [SERIES.c[name] == value for name, value in place.items()]
        where += [SERIES.c.subject == subject_of(look.dimensions)]
        where += [CHUNKS.c.last >= look.start * 1000, CHUNKS.c.first < look.end * 1000]
        if look.unit is not None:
            where.append(SERIES.c.unit == look.unit)
        if look.period < STANDARD:
            where.append(SERIES.c.resolution < STANDARD)
        found = select(SERIES.c.unit, CHUNKS.c.layout, CHUNKS.c.points, CHUNKS.c.data)
        found = found.join_from(SERIES, CHUNKS, CHUNKS.c.series_id == SERIES.c.id).where(*where)
        parts: dict[tuple[str, str], list[Columns]] = {}
        with self._database.read() as connection:
            for unit, layout, points, data in connection.execute(found.order_by(CHUNKS.c.first, CHUNKS.c.id)):
                parts.setdefault((unit, layout), []).append(unpack(layout, points, data))
        window = (look.start * 1000, look.end * 1000)
        return [(unit, join(each).ordered().between(*window)) for (unit, _), each in parts.items()]

    def names(self, account: str, region: str, subject: str) -> set[str]:
        """Return the names of a resource's metrics."""
        with self._database.read() as connection:
            return set(connection.scalars(select(SERIES.c.name).where(*_of(account, region, subject))))

    def summary(self, account: str, region: str, subject: str) -> list[Summary]:
        """Sum up every metric of a resource, by name; no point is read for it."""
        wanted = select(SERIES).where(*_of(account, region, subject), SERIES.c.points > 0)
        with self._database.read() as connection:
            return [_summary(row) for row in connection.execute(wanted.order_by(SERIES.c.name)).mappings()]

    def listed(
        self,
        account: str,
        region: str,
        *,
        space: str | None = None,
        name: str | None = None,
        parts: Sequence[str] = (),
        since: datetime,
        after: tuple[str, str, str] | None = None,
        limit: int,
    ) -> list[Metric]:
        """Return CloudWatch's metrics that had points since a time, in order, from behind `after` on.

        `parts` are texts that must all be in the subject.
        """
        key = (SERIES.c.space, SERIES.c.name, SERIES.c.subject)
        where = [SERIES.c.account == account, SERIES.c.region == region, SERIES.c.space != RESOURCES]
        where.append(SERIES.c.active >= micros(since) // 1000)
        if space is not None:
            where.append(SERIES.c.space == space)
        if name is not None:
            where.append(SERIES.c.name == name)
        where += [SERIES.c.subject.contains(part, autoescape=True) for part in parts]
        if after is not None:
            where.append(tuple_(*key) > tuple_(*after))
        wanted = select(*key).where(*where).distinct().order_by(*key).limit(limit)
        with self._database.read() as connection:
            return [Metric(space=s, name=n, subject=d) for s, n, d in connection.execute(wanted)]

    def forget(self, account: str, region: str, subject: str) -> None:
        """Remove every metric of a resource with its points."""
        with self._database.write() as connection:
            connection.execute(delete(SERIES).where(*_of(account, region, subject)))
        self._writer.forget()

    def destroy(self, account: str) -> None:
        """Remove every series of an account, and what its alarms went through."""
        with self._database.write() as connection:
            connection.execute(delete(SERIES).where(SERIES.c.account == account))
            connection.execute(delete(HISTORY).where(HISTORY.c.account == account))
        self._writer.forget()

    def sweep(self) -> int:
        """Let go of the points CloudWatch would no longer have; return how many chunks went."""
        floor = micros(self._clock.now() - RETENTION) // 1000
        theirs = select(SERIES.c.id).where(SERIES.c.space != RESOURCES)
        old = (CHUNKS.c.series_id.in_(theirs.where(SERIES.c.last_time >= floor)), CHUNKS.c.last < floor)
        with self._database.write() as connection:
            gone = connection.execute(delete(CHUNKS).where(*old)).rowcount
            ended = delete(SERIES).where(SERIES.c.space != RESOURCES, SERIES.c.last_time < floor)
            ended = ended.where(SERIES.c.active < floor)
            gone += connection.execute(ended).rowcount
        return gone


def subject_of(dimensions: Sequence[tuple[str, str]]) -> str:
    """Return dimensions as the subject of a series, the same in whatever order they come."""
    return json.dumps(sorted(dimensions), separators=(",", ":"))


def dimensions_of(subject: str) -> list[tuple[str, str]]:
    """Return the dimensions that make a subject."""
    return [(name, value) for name, value in json.loads(subject)]


def resource_series(account: str, region: str, arn: str, name: str) -> Series:
    """Return the series of one metric of a SageMaker resource."""
    return Series(account, region, RESOURCES, name, arn)


def resource_points(points: Sequence[tuple[int, int, float]]) -> Columns:
    """Return (milliseconds, step or -1, value) points as columns."""
    columns = Columns.empty(SAGEMAKER)
    for point in points:
        columns.append(*point)
    return columns


def _is(series: Series, *names: str) -> list[ColumnElement[bool]]:
    every = ("account", "region", "space", "name", "subject", "unit", "resolution")
    return [SERIES.c[name] == getattr(series, name) for name in names or every]


def _of(account: str, region: str, subject: str) -> tuple[ColumnElement[bool], ...]:
    place = (SERIES.c.account == account, SERIES.c.region == region)
    return (*place, SERIES.c.subject == subject, SERIES.c.space == RESOURCES)


def _series(row: RowMapping) -> Series:
    names = ("account", "region", "space", "name", "subject", "unit", "resolution")
    return Series(**{name: row[name] for name in names})


def _summary(row: RowMapping) -> Summary:
    return Summary(
        name=row["name"],
        time=from_micros(row["last_time"] * 1000),
        last=row["last_value"],
        low=row["low"],
        high=row["high"],
        mean=row["mean"],
        deviation=math.sqrt(max(row["spread"], 0.0) / row["points"]),
        count=row["points"],
    )

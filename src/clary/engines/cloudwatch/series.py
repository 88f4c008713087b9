"""A metric over time: its samples gathered by the period, and one statistic of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from clary.engines.cloudwatch.buckets import buckets
from clary.engines.cloudwatch.statistics import Samples, parse

Values = dict[int, float]
"""A value by the second since 1970 that its period starts at; a period without one is missing."""


class Points(Protocol):
    """Packed points of one layout: time and value; and how often; or time, sum, how many, lowest, highest."""

    @property
    def layout(self) -> str:
        """Which of the three it is, as a type code a column."""
        ...

    @property
    def arrays(self) -> Sequence[Sequence[float]]:
        """The columns; times are milliseconds, in order."""
        ...


@dataclass(frozen=True)
class Metric:
    """What a query reads: a metric of a namespace with exactly these dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Look:
    """One look at a metric: a unit or all of them, from `start` to before `end`, in seconds."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    period: int
    start: int
    end: int
    unit: str | None = None


Read = Callable[[Look], Sequence[tuple[str, Points]]]
"""Reads what a look finds: the points by unit, each unit and layout apart."""


def gather(points: Iterable[Points], period: int, origin: int = 0) -> dict[int, Samples]:
    """Put together what was measured in each period, by the second it starts at."""
    found: dict[int, Samples] = {}
    for part in points:
        times: Sequence[int] = part.arrays[0]  # type: ignore[assignment]  # the first column is whole numbers
        for start, first, last in buckets(times, period * 1000, origin * 1000):
            samples = found.setdefault(start // 1000, Samples())
            columns = [column[first:last] for column in part.arrays[1:]]
            if len(columns) == 4:
                samples.add_sets(*columns)
            else:
                samples.add_values(*columns)
    return found


def values(gathered: dict[int, Samples], statistic: str) -> Values:
    """Return one statistic of each period; those it cannot be told of are missing."""
    tell = parse(statistic)
    if tell is None:
        raise ValueError(f"{statistic} is no statistic")
    told = ((start, tell(samples)) for start, samples in sorted(gathered.items()))
    return {start: value for start, value in told if value is not None}

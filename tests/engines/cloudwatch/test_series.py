"""What the store packs and the engine gathers is what a loop over the points says."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.opened import ACCOUNT, NOON, REGION

from clary.core.clock import StoppedClock
from clary.engines.cloudwatch.queries import Query, run
from clary.engines.cloudwatch.series import Metric, gather, values
from clary.store.database import Database
from clary.store.metrics import Columns, Metrics, Series

T0 = int(NOON.timestamp())
POINTS = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(-50, 50).map(float), st.integers(1, 4).map(float)),
    min_size=1,
    max_size=120,
)
Point = tuple[int, float, float]

TELL: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "Average": statistics.fmean,
    "SampleCount": len,
    "p50": statistics.median,
}


def columns(points: Sequence[Point], *, counted: bool) -> Columns:
    made = Columns.empty("qdd" if counted else "qd")
    for at, value, count in points:
        made.append((T0 + at) * 1000, value, *([count] if counted else []))
    return made


@settings(max_examples=60, deadline=None)
@given(plain=POINTS, counted=POINTS, period=st.sampled_from([60, 300, 900]), origin=st.sampled_from([0, 7]))
def test_statistics_by_the_period_are_those_of_a_loop(
    plain: list[Point], counted: list[Point], period: int, origin: int
) -> None:
    parts = [columns(plain, counted=False).ordered(), columns(counted, counted=True).ordered()]
    expected: dict[int, list[float]] = {}
    for at, value, times in [*((a, v, 1.0) for a, v, _ in plain), *counted]:
        start = (T0 + at - origin) // period * period + origin
        expected.setdefault(start, []).extend([value] * int(times))
    gathered = gather(parts, period, origin)
    for statistic, tell in TELL.items():
        told = values(gathered, statistic)
        assert told == {start: pytest.approx(tell(found)) for start, found in expected.items()}, statistic


@settings(max_examples=20, deadline=None)
@given(points=POINTS, cuts=st.lists(st.integers(1, 9), min_size=1), start=st.integers(0, 2000))
def test_a_window_of_stored_points_is_that_of_a_loop(
    points: list[Point], cuts: list[int], start: int
) -> None:
    series = Series(ACCOUNT, REGION, "Own", "m", "[]", "None", 60)
    with TemporaryDirectory() as folder:
        database = Database(Path(folder) / "clary.db")
        metrics = Metrics(database, StoppedClock(NOON))
        rest, turn = points, 0
        while rest:
            size = cuts[turn % len(cuts)]
            metrics.put([(series, columns(rest[:size], counted=turn % 2 == 1))])
            rest, turn = rest[size:], turn + 1
        read = partial(metrics.look, ACCOUNT, REGION)
        first, last = (T0 + start) // 60 * 60, T0 + 2400
        query = Query(id="m", metric=Metric("Own", "m"), statistic="Maximum", period=60)
        [result] = run([query], read, T0 + start, last)
        database.close()
    expected: dict[int, float] = {}
    for at, value, _ in points:
        if first <= T0 + at < last:
            minute = (T0 + at) // 60 * 60
            expected[minute] = max(value, expected.get(minute, value))
    assert result.series.values == expected

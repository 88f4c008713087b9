"""Metric series: every point exactly once, in order, summed up right, and on disk when `put` returns."""

from __future__ import annotations

import random
import statistics
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.databases import opened
from tests.store.opened import ACCOUNT, NOON, REGION

from clary.core.clock import StoppedClock
from clary.store.database import Database
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import RETENTION, resource_points, resource_series
from clary.store.metrics.tables import CHUNKS
from clary.store.metrics.writer import FAN

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:experiment-trial-component/t"
LOSS = resource_series(ACCOUNT, REGION, ARN, "loss")
CPU = Series(ACCOUNT, REGION, "Own", "cpu", '[["Host","a"]]', "Percent", 60)
T0 = int(NOON.timestamp() * 1000)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return opened(tmp_path / "clary.db")


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
def metrics(database: Database, clock: StoppedClock) -> Metrics:
    return Metrics(database, clock)


def values(metrics: Metrics, series: Series = LOSS) -> list[float]:
    return [value for columns in metrics.read(series) for value in columns.values]


def chunks(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(CHUNKS)) or 0


def test_every_point_is_read_once_and_in_order_however_it_was_cut(
    metrics: Metrics, database: Database
) -> None:
    dice = random.Random(1)  # noqa: S311 - the same cuts in every run
    at = 0
    while at < 40_000:
        size = dice.choice((1, 1, 1, 5, 70, 5000))
        metrics.put([(LOSS, resource_points([(T0 + n, n, float(n)) for n in range(at, at + size)]))])
        at += size
    [columns] = metrics.read(LOSS)
    assert list(columns.arrays[1]) == list(range(at))
    assert list(columns.times) == [T0 + n for n in range(at)]
    assert chunks(database) < at / 100


def test_many_small_batches_become_few_chunks(metrics: Metrics, database: Database) -> None:
    for number in range(FAN * 3):
        metrics.put([(LOSS, resource_points([(T0 + number, -1, float(number))]))])
    assert chunks(database) == 3
    assert values(metrics) == [float(number) for number in range(FAN * 3)]


def test_points_that_come_late_are_read_in_their_place(metrics: Metrics) -> None:
    for late in (5, 1, 3, 2, 4):
        metrics.put([(LOSS, resource_points([(T0 + late, -1, late), (T0 + late + 10, -1, late + 10)]))])
    assert values(metrics) == [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]
    [columns] = metrics.read(LOSS, T0 + 3, T0 + 12)
    assert list(columns.values) == [3, 4, 5, 11]


def test_a_summary_is_what_the_points_say(metrics: Metrics) -> None:
    dice = random.Random(2)  # noqa: S311 - the same points in every run
    every = [dice.gauss(1000, 3) for _ in range(500)]
    for first in range(0, 500, 7):
        part = every[first : first + 7]
        metrics.put([(LOSS, resource_points([(T0 + first + n, n, v) for n, v in enumerate(part)]))])
    [told] = metrics.summary(ACCOUNT, REGION, ARN)
    assert (told.name, told.count, told.last) == ("loss", 500, every[-1])
    assert (told.low, told.high) == (min(every), max(every))
    assert told.mean == pytest.approx(statistics.fmean(every))
    assert told.deviation == pytest.approx(statistics.pstdev(every))
    assert told.time == NOON + timedelta(milliseconds=499)


def test_a_point_that_comes_late_is_not_the_last(metrics: Metrics) -> None:
    metrics.put([(LOSS, resource_points([(T0 + 5, 1, 5.0)]))])
    metrics.put([(LOSS, resource_points([(T0, 0, 9.0)]))])
    [told] = metrics.summary(ACCOUNT, REGION, ARN)
    assert (told.last, told.high) == (5.0, 9.0)


def test_threads_that_write_at_once_lose_nothing(metrics: Metrics) -> None:
    def write(thread: int) -> None:
        for number in range(50):
            point = (T0 + thread * 50 + number, thread, float(number))
            metrics.put([(LOSS, resource_points([point]))])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [columns] = metrics.read(LOSS)
    assert list(columns.times) == [T0 + n for n in range(400)]


def test_what_was_put_is_there_after_opening_anew(metrics: Metrics, tmp_path: Path) -> None:
    metrics.put([(LOSS, resource_points([(T0, 0, 1.5)]))])
    again = Metrics(opened(tmp_path / "clary.db"), StoppedClock(NOON))
    again.put([(LOSS, resource_points([(T0 + 1, 1, 2.5)]))])
    assert values(again) == [1.5, 2.5]


def test_a_batch_in_a_transaction_that_fails_leaves_nothing(metrics: Metrics, database: Database) -> None:
    with pytest.raises(RuntimeError), database.write():
        metrics.put([(LOSS, resource_points([(T0, 0, 1.0)]))])
        raise RuntimeError("undone")
    assert values(metrics) == []
    metrics.put([(CPU, resource_points([(T0, 0, 3.0)]))])
    metrics.put([(LOSS, resource_points([(T0, 0, 2.0)]))])
    assert values(metrics) == [2.0]


def test_a_writer_that_remembers_a_deleted_series_makes_it_anew(metrics: Metrics, tmp_path: Path) -> None:
    metrics.put([(LOSS, resource_points([(T0, 0, 1.0)]))])
    Metrics(opened(tmp_path / "clary.db"), StoppedClock(NOON)).forget(ACCOUNT, REGION, ARN)
    assert values(metrics) == []
    metrics.put([(LOSS, resource_points([(T0, 0, 2.0)]))])
    assert values(metrics) == [2.0]


def test_accounts_and_regions_do_not_see_each_other(metrics: Metrics) -> None:
    metrics.put([(LOSS, resource_points([(T0, 0, 1.0)]))])
    assert metrics.summary("111111111111", REGION, ARN) == []
    assert metrics.names(ACCOUNT, "eu-west-1", ARN) == set()
    assert values(metrics, resource_series("111111111111", REGION, ARN, "loss")) == []


def test_an_account_that_is_closed_leaves_nothing(metrics: Metrics) -> None:
    other = replace(CPU, account="111111111111")
    metrics.put([(LOSS, resource_points([(T0, 0, 1.0)])), (other, resource_points([(T0, 0, 2.0)]))])
    metrics.destroy(ACCOUNT)
    assert (values(metrics), values(metrics, other)) == ([], [2.0])
    metrics.put([(LOSS, resource_points([(T0, 0, 3.0)]))])
    assert values(metrics) == [3.0]


def test_a_sweep_lets_go_of_what_cloudwatch_would_and_of_nothing_else(
    metrics: Metrics, clock: StoppedClock
) -> None:
    points = Columns.empty("qd")
    points.append(T0, 1.0)
    metrics.put([(CPU, points), (LOSS, resource_points([(T0, 0, 1.0)]))])
    clock.at = NOON + RETENTION - timedelta(seconds=1)
    assert metrics.sweep() == 0
    clock.at = NOON + RETENTION + timedelta(seconds=1)
    assert metrics.sweep() == 1
    assert values(metrics, CPU) == []
    assert values(metrics) == [1.0]

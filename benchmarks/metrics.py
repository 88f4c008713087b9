"""Metric points in and out: the store beside plain SQLite, and the API beside a call that does little."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import Clary, Figure, median, server

from clary.core.clock import SystemClock
from clary.store.database import Database
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import resource_points, resource_series

ACCOUNT, REGION = "000000000000", "us-east-1"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:experiment-trial-component/bench"
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
T0 = int(BEGUN.timestamp()) * 1000
SECONDS = 3.0  # How long each rate is measured.
ROUNDS = 10
LONG = 1_000_000  # points of the long series
TARGET = 100_000  # points a second, batched
CLIENTS = 4
SLOWEST = 400  # What reading a million points may take, in calls that do little.
Batch = list[tuple[Series, Columns]]


def run() -> list[Figure]:
    """Measure the store, then the API over a server of its own."""
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
        figures = _store(Path(folder))
    with server() as clary:
        return figures + _api(clary)


def _store(folder: Path) -> list[Figure]:
    database = Database(folder / "clary.db")
    metrics = Metrics(database, SystemClock())
    plain = _plain(folder / "plain.db")
    beside = f"a row a point, plain SQLite: {plain:,.0f}"
    figures = [
        Figure(
            name="metrics in, 1,000 points over 10 series a batch",
            value=_rate(metrics, 1000, 10),
            unit="/s",
            target=TARGET,
            at_least=True,
            floor=beside,
        ),
        Figure(name="  over 100 series", value=_rate(metrics, 1000, 100), unit="/s", floor=beside),
        Figure(name="  10 points over 10 series", value=_rate(metrics, 10, 10), unit="/s", floor=beside),
        Figure(
            name="  the same, 8 threads", value=_rate(metrics, 10, 10, threads=8), unit="/s", floor=beside
        ),
    ]
    database.close()
    return figures + _long(folder / "long")


def _long(folder: Path) -> list[Figure]:
    """Measure one long series that came in by the thousand."""
    database = Database(folder / "clary.db")
    metrics = Metrics(database, SystemClock())
    database.close()
    before = _size(folder)
    long = resource_series(ACCOUNT, REGION, ARN, "long")
    for first in range(0, LONG, 1000):
        metrics.put([(long, _points(first, 1000))])
    database.close()  # What is still in the log goes into the file.
    figures = [Figure(name="a million points on disk", value=(_size(folder) - before) / 1e6, unit="MB")]
    seconds = median([_timed(partial(metrics.read, long)) for _ in range(ROUNDS)])
    figures.append(Figure(name="a million points read", value=seconds * 1000, unit="ms"))
    database.close()
    return figures


def _api(clary: Clary) -> list[Figure]:
    training, cloudwatch = clary.client("sagemaker-metrics"), clary.client("cloudwatch")
    clary.client("sagemaker").create_trial_component(TrialComponentName="bench")
    sts = clary.client("sts")
    null = median([_timed(sts.get_caller_identity) for _ in range(50)])
    beside = f"GetCallerIdentity: {1 / null:,.0f} calls/s, {null * 1000:.2f} ms"
    figures = [
        Figure(
            name="BatchPutMetrics, 10 points a call, 1 client",
            value=10 * _calls(clary, 1, _batch_put),
            unit="/s",
            floor=beside,
        ),
        Figure(
            name=f"  {CLIENTS} clients",
            value=10 * _calls(clary, CLIENTS, _batch_put),
            unit="/s",
            floor=beside,
        ),
        Figure(
            name="PutMetricData, 1,000 metrics of 150 values, 1 client",
            value=150_000 * _calls(clary, 1, _put_data),
            unit="/s",
            floor=beside,
        ),
    ]
    _fill(clary)
    query = {"MetricName": "long", "ResourceArn": ARN, "XAxisType": "Timestamp"}
    for statistic, period in (("Avg", "OneHour"), ("Avg", "OneMinute"), ("StdDev", "OneMinute")):
        asked = [{**query, "MetricStat": statistic, "Period": period}]
        ask = partial(training.batch_get_metrics, MetricQueries=asked)
        seconds = median([_timed(ask) for _ in range(5)])
        name = f"BatchGetMetrics of a million points, {statistic} by {period}"
        figures.append(
            Figure(name=name, value=seconds * 1000, unit="ms", target=SLOWEST * null * 1000, floor=beside)
        )
    seconds = median([_timed(partial(cloudwatch.list_metrics, Namespace="Bench")) for _ in range(20)])
    figures.append(Figure(name="ListMetrics, 500 of 1,000", value=seconds * 1000, unit="ms", floor=beside))
    return figures


def _plain(path: Path) -> float:
    """Return how many points a second SQLite takes as rows, a thousand in a synced transaction."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE points (series INTEGER, time INTEGER, step INTEGER, value REAL)")
    connection.execute("CREATE INDEX points_time ON points (series, time)")
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        rows = [(n % 10, T0 + count + n, n, 0.5) for n in range(1000)]
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        count += 1000
    rate = count / (time.perf_counter() - begun)
    connection.close()
    return rate


def _points(first: int, count: int) -> Columns:
    return resource_points([(T0 + 1000 * n, n, 1 / (1 + n)) for n in range(first, first + count)])


def _batches(size: int, names: int, mark: str) -> Iterator[Batch]:
    each, at = size // names, 0
    series = [resource_series(ACCOUNT, REGION, f"{ARN}-{mark}", f"m{n}") for n in range(names)]
    while True:
        points = _points(at, each)
        yield [(one, points) for one in series]
        at += each


def _rate(metrics: Metrics, size: int, names: int, threads: int = 1) -> float:
    counts = [0] * threads
    until = time.perf_counter() + SECONDS

    def write(thread: int) -> None:
        for batch in _batches(size, names, f"{size}-{names}-{threads}-{thread}"):
            if time.perf_counter() > until:
                return
            metrics.put(batch)
            counts[thread] += size

    begun = time.perf_counter()
    workers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - begun)


def _calls(clary: Clary, clients: int, make: Callable[[Clary, int], Callable[[int], object]]) -> float:
    """Return how many calls a second so many clients make, each on a connection of its own."""
    calls = [make(clary, number) for number in range(clients)]
    for call in calls:
        call(-1)
    until = time.perf_counter() + SECONDS

    def work(call: Callable[[int], object]) -> int:
        done = 0
        while time.perf_counter() < until:
            call(done)
            done += 1
        return done

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = sum(pool.map(work, calls))
    return done / (time.perf_counter() - begun)


def _batch_put(clary: Clary, number: int) -> Callable[[int], object]:
    client = clary.client("sagemaker-metrics")

    def call(done: int) -> object:
        at = BEGUN + timedelta(seconds=done)
        data = [
            {"MetricName": f"m{n}", "Timestamp": at, "Step": done + 1, "Value": 0.5 + number}
            for n in range(10)
        ]
        return client.batch_put_metrics(TrialComponentName="bench", MetricData=data)

    return call


def _put_data(clary: Clary, _number: int) -> Callable[[int], object]:
    client: Any = clary.client("cloudwatch")
    dice = random.Random(1)  # noqa: S311 - the same values in every run
    values = [dice.random() for _ in range(150)]
    data = [{"MetricName": f"m{n}", "Values": values} for n in range(1000)]

    def call(_done: int) -> object:
        return client.put_metric_data(Namespace="Bench", MetricData=data)

    return call


def _fill(clary: Clary) -> None:
    """Put the long series straight into the store: getting it there is measured elsewhere."""
    database = Database(clary.home / "clary.db")
    metrics = Metrics(database, SystemClock())
    series = resource_series(ACCOUNT, REGION, ARN, "long")
    for first in range(0, LONG, 10_000):
        metrics.put([(series, _points(first, 10_000))])
    database.close()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.db*"))


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun

"""The platform's own metrics: noted by anybody, written together."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.store.opened import ACCOUNT, NOON, REGION

from clary.core.clock import StoppedClock
from clary.store.database import Database
from clary.store.metrics import Metrics, Series
from clary.store.metrics.emitter import Emitter

T0 = NOON.timestamp()
LATENCY = Series(
    ACCOUNT, REGION, "AWS/SageMaker", "ModelLatency", '[["EndpointName","e"]]', "Microseconds", 60
)


def test_what_threads_noted_is_written_once_and_together(tmp_path: Path) -> None:
    metrics = Metrics(Database(tmp_path / "clary.db"), StoppedClock(NOON))
    emitter = Emitter(metrics)

    def work() -> None:
        for number in range(100):
            emitter.put(
                ACCOUNT,
                REGION,
                "AWS/SageMaker",
                "ModelLatency",
                float(number),
                dimensions=(("EndpointName", "e"),),
                unit="Microseconds",
                at=T0 + number,
            )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.read(LATENCY) == []
    assert emitter.flush() == 400
    assert emitter.flush() == 0
    [points] = metrics.read(LATENCY)
    assert sorted(points.values) == sorted([float(n) for n in range(100)] * 4)


def test_what_was_noted_before_the_end_is_written_at_the_end(tmp_path: Path) -> None:
    metrics = Metrics(Database(tmp_path / "clary.db"), StoppedClock(NOON))
    emitter, stop = Emitter(metrics), threading.Event()
    emitter.put(ACCOUNT, REGION, "Own", "n", 1.0, at=T0)
    stop.set()
    emitter.run(stop)
    assert len(metrics.listed(ACCOUNT, REGION, since=NOON, limit=9)) == 1

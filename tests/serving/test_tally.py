"""How calls are counted: what is kept of a latency, and what a stretch of calls comes to."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from clary.serving.tally import Tally, rounded


@pytest.mark.parametrize("micros", [0, 1, 511, 512, 1023, 5_120, 99_999, 123_456_789])
def test_a_latency_is_kept_to_a_512th_of_itself(micros: int) -> None:
    kept = rounded((micros + 0.5) / 1e6)
    assert abs(kept - micros) <= micros / 512
    assert kept.bit_length() <= 9 or kept % (1 << (kept.bit_length() - 10)) == 0


def test_calls_are_taken_once_and_still_counted_as_a_whole() -> None:
    tally = Tally()
    tally.hosts = 2
    for model in (0.001, 0.002, 0.004):
        tally.add(0.0005, model, 200)
    first = tally.take()
    assert first is not None
    assert first.statuses == {200: 3}
    assert first.hosts == {2: 3}
    assert tally.take() is None
    tally.add(0.0001, 0.008, 400)
    told = tally.summary()
    assert (told["Invocations"], told["Errors"]) == (4, 1)
    assert told["ModelLatency"] == {"p50": 2000, "p90": 4000, "p99": 4000, "p100": 8000}


def test_nothing_has_no_percentiles() -> None:
    assert Tally().summary() == {"Invocations": 0, "Errors": 0, "OverheadLatency": {}, "ModelLatency": {}}


@dataclass
class Busy:
    load: int


def test_calls_under_way_are_sampled_by_host_and_an_idle_stretch_leaves_none() -> None:
    tally, hosts = Tally(), [Busy(3), Busy(1)]
    tally.sample(1)  # nobody serves it yet
    tally.serve(hosts)
    assert tally.hosts == 2
    tally.sample(1)
    tally.sample(2)  # of two processes
    for host in hosts:
        host.load = 0
    tally.sample(1)
    calls = tally.take()
    assert calls is not None
    assert dict(calls.under_way) == {2.0: 1, 4.0: 1, 0.0: 1}
    tally.sample(1)
    assert tally.take() is None

"""Capacity for runs that may not be interrupted is taken from those that may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.machine import Machine

from clary.core.ids import uid as new_uid
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.spec import RunSpec

ONE = "ml.m6g.medium"  # one vCPU
SLEEP = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def small(tmp_path: Path, cache: Path) -> Iterator[Machine]:
    """A machine on which two small runs fit at a time."""
    found = Machine(tmp_path / "home", cache, provisioner=LocalProvisioner(cpus=(0, 1), memory=64 << 30))
    yield found
    found.close()


def start(machine: Machine, *, spot: bool, instance_type: str = "ml.m5.large") -> str:
    uid = new_uid()
    machine.runtime.start(
        RunSpec(
            uid=uid,
            image="tiny",
            program="train",
            command=("python", "-c", SLEEP),
            interruptible=spot,
            instance_type=instance_type,
        )
    )
    return uid


def test_a_run_that_may_not_be_interrupted_asks_for_the_capacity_of_one_that_may(small: Machine) -> None:
    first = start(small, spot=True)
    small.until_printed(first, "up")
    assert not small.runtime.inspect(first).reclaimed
    second = start(small, spot=False)
    assert small.until(second, "queued")
    assert small.look(first, lambda seen: seen.reclaimed).phase == "running"
    small.runtime.stop(first)
    small.until(first)
    small.until_printed(second, "up")


def test_only_as_many_are_asked_as_are_needed_and_always_the_same(small: Machine) -> None:
    spots = [start(small, spot=True, instance_type=ONE) for _ in range(2)]
    for uid in spots:
        small.until_printed(uid, "up")
    wanted = start(small, spot=False, instance_type=ONE)
    small.until(wanted, "queued")
    small.look(wanted, lambda _: any(small.runtime.inspect(uid).reclaimed for uid in spots))
    for _ in range(3):
        small.again().inspect(wanted)
    assert sum(small.runtime.inspect(uid).reclaimed for uid in spots) == 1


def test_runs_that_may_not_be_interrupted_are_left_alone_and_go_first(small: Machine) -> None:
    first = start(small, spot=False)
    small.until_printed(first, "up")
    waiting, later = start(small, spot=True), start(small, spot=False)
    small.until(later, "queued")
    assert not small.runtime.inspect(first).reclaimed
    small.runtime.kill(first)
    small.until_printed(later, "up")
    assert small.runtime.inspect(waiting).phase == "queued"

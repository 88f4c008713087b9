"""Runs wait for each other in order, and say so."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.machine import Machine

from clary.runtime.local_provisioner import LocalProvisioner

SLEEPER = ("sh", "-c", "echo up; sleep 600")


@pytest.fixture
def narrow(tmp_path: Path, cache: Path) -> Iterator[Machine]:
    """A machine with one CPU and room for two servers."""
    found = Machine(
        tmp_path / "home", cache, provisioner=LocalProvisioner(cpus=(0,), memory=(1 << 30) + (512 << 20))
    )
    yield found
    found.close()


def test_a_job_without_room_waits_with_a_position_and_is_told_why(narrow: Machine) -> None:
    first, second, third = (narrow.start(*SLEEPER) for _ in range(3))
    narrow.until_printed(first, "up")
    assert narrow.runtime.inspect(second).phase == "queued"
    assert narrow.runtime.inspect(second).note.startswith("Number 1 in the queue")
    assert narrow.runtime.inspect(third).note.startswith("Number 2 in the queue")
    assert "1 vCPU" in narrow.runtime.inspect(second).note


def test_the_next_in_line_starts_when_a_job_ends(narrow: Machine) -> None:
    first, second, third = (narrow.start(*SLEEPER) for _ in range(3))
    narrow.until_printed(first, "up")
    narrow.runtime.kill(first)
    narrow.until(first)
    narrow.until_printed(second, "up")
    assert narrow.runtime.inspect(third).note.startswith("Number 1")


def test_a_lost_run_gives_its_room_back(narrow: Machine) -> None:
    first, second = narrow.start(*SLEEPER), narrow.start(*SLEEPER)
    narrow.until_printed(first, "up")
    narrow.shim(first).send(signal.SIGKILL)
    narrow.until(first)
    narrow.until_printed(second, "up")


def test_a_restarted_controller_sees_the_same_queue(narrow: Machine) -> None:
    first, second = narrow.start(*SLEEPER), narrow.start(*SLEEPER)
    narrow.until_printed(first, "up")
    other = narrow.again()
    assert other.inspect(second).phase == "queued"
    other.kill(first)
    narrow.until(first)
    narrow.runtime = other
    narrow.until_printed(second, "up")


def test_a_queued_run_can_be_stopped(narrow: Machine) -> None:
    first, second, third = (narrow.start(*SLEEPER) for _ in range(3))
    narrow.until_printed(first, "up")
    narrow.runtime.stop(second)
    seen = narrow.runtime.inspect(second)
    assert (seen.phase, seen.exit_code, seen.failure) == ("exited", None, "")
    assert narrow.runtime.inspect(third).note.startswith("Number 1")


def test_a_removed_run_leaves_the_queue(narrow: Machine) -> None:
    first, second, third = (narrow.start(*SLEEPER) for _ in range(3))
    narrow.until_printed(first, "up")
    narrow.runtime.remove(second)
    assert narrow.runtime.inspect(third).note.startswith("Number 1")


def test_an_idle_server_keeps_no_job_waiting(narrow: Machine) -> None:
    server = narrow.start(*SLEEPER, program="serve", serves=True)
    narrow.until_printed(server, "up")
    job = narrow.start("true")
    assert narrow.until(job).exit_code == 0


def test_servers_wait_for_memory(narrow: Machine) -> None:
    servers = [narrow.start(*SLEEPER, program="serve", serves=True) for _ in range(3)]
    narrow.until_printed(servers[1], "up")
    seen = narrow.runtime.inspect(servers[2])
    assert seen.phase == "queued"
    assert "room for 2 servers" in seen.note


def test_a_type_larger_than_the_machine_is_clamped_and_says_so(narrow: Machine) -> None:
    uid = narrow.start(*SLEEPER, instance_type="ml.p4d.24xlarge")
    seen = narrow.until_printed(uid, "up")
    assert "ml.p4d.24xlarge (96 vCPU, 1152 GiB) is clamped to this machine: 1 vCPU, 1.0 GiB." in seen.note


def test_a_job_runs_on_the_cpus_it_was_given(narrow: Machine) -> None:
    uid = narrow.python("import os; print(os.sched_getaffinity(0))")
    narrow.until(uid)
    assert narrow.printed(uid) == "{0}\n"


def test_whoever_sees_that_a_job_ended_starts_the_next_one(narrow: Machine) -> None:
    first, second = narrow.start(*SLEEPER), narrow.start(*SLEEPER)
    narrow.until_printed(first, "up")
    narrow.runtime.kill(first)
    narrow.until(first)
    assert narrow.job(second).launch() is not None, "nobody looked at the second one"

"""What is killed, when, and what is said afterwards."""

from __future__ import annotations

import io
import os
import signal
import tarfile
import time
from pathlib import Path

import pytest
from tests.runtime.machine import Machine, command_lines, freeze, gone

from clary.runtime.spec import Input, Output

SLEEPER = "import time; print('up'); time.sleep(600)"
DETACHED = (
    "import os, time\n"
    "if os.fork() == 0:\n    os.setsid()\n    print('up')\n    time.sleep(600)\n"
    "time.sleep(600)"
)


@pytest.mark.parametrize("code", [SLEEPER, DETACHED])
def test_a_run_whose_shim_is_killed_is_lost_and_leaves_no_orphan(machine: Machine, code: str) -> None:
    uid = machine.python(code)
    machine.until_printed(uid, "up")
    container = machine.container(uid)
    machine.shim(uid).send(signal.SIGKILL)
    seen = machine.until(uid)
    gone(container)
    assert (seen.exit_code, seen.lost) == (None, True)
    assert "host of this run was lost" in seen.failure
    assert "running" in seen.failure


def at_work(uid: str) -> list[bytes]:
    """Return the command lines of processes that belong to a run."""
    return [line for line in command_lines().values() if uid.encode() in line]


def test_a_shim_killed_as_soon_as_it_speaks_leaves_nothing(machine: Machine) -> None:
    for _ in range(3):
        uid = machine.python(SLEEPER)
        job = machine.job(uid)
        machine.look(uid, lambda _, job=job: job.state() is not None)  # type: ignore[misc]
        machine.shim(uid).send(signal.SIGKILL)
        seen = machine.until(uid)
        assert "lost" in seen.failure
        machine.runtime.remove(uid)
        assert not job.path.exists()
        machine.look(uid, lambda _, uid=uid: not at_work(uid))  # type: ignore[misc]


def preparing(machine: Machine, archive: Path) -> str:
    """Start a run that cannot be prepared further until somebody writes to its input, a named pipe."""
    os.mkfifo(archive)
    uid = machine.start("sh", "-c", "echo ran", inputs=[Input(source=archive, target="model", unpack=True)])
    machine.until(uid, "preparing")
    return uid


def test_a_shim_killed_while_preparing_says_so(machine: Machine, tmp_path: Path) -> None:
    uid = preparing(machine, tmp_path / "m.tar")
    machine.shim(uid).send(signal.SIGKILL)
    assert "while the run was preparing" in machine.until(uid).failure


def test_a_stop_while_preparing_needs_no_program(machine: Machine, tmp_path: Path) -> None:
    uid, made = preparing(machine, tmp_path / "m.tar"), io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("file"))
    with (tmp_path / "m.tar").open("r+b", buffering=0) as pipe:  # which waits for no reader
        machine.runtime.stop(uid)
        pipe.write(made.getvalue())
        seen = machine.until(uid)
    assert (seen.exit_code, seen.failure, machine.printed(uid)) == (None, "", "")
    assert "stopped before its program started" in seen.note


def test_a_lost_run_stays_lost(machine: Machine) -> None:
    uid = machine.python(SLEEPER)
    machine.until_printed(uid, "up")
    machine.shim(uid).send(signal.SIGKILL)
    first = machine.until(uid)
    machine.runtime.stop(uid)
    assert machine.again().inspect(uid) == first


def test_a_container_killed_from_outside_tells_the_signal(machine: Machine) -> None:
    uid = machine.python(SLEEPER)
    machine.until_printed(uid, "up")
    machine.container(uid).send(signal.SIGKILL)
    seen = machine.until(uid)
    assert (seen.exit_code, seen.signal) == (137, signal.SIGKILL)
    assert "SIGKILL" in seen.failure


def test_another_runtime_takes_a_run_over(machine: Machine) -> None:
    uid = machine.python(SLEEPER)
    machine.until_printed(uid, "up")
    other = machine.again()
    assert other.inspect(uid).phase == "running"
    assert other.output(uid, 0) == b"up\n"
    other.stop(uid)
    assert machine.until(uid).signal == signal.SIGTERM


@pytest.mark.parametrize("seconds", [5, 3600])
def test_a_reservation_without_a_shim_gets_one_from_whoever_looks(machine: Machine, seconds: int) -> None:
    uid = machine.start()
    machine.until(uid)
    gone(machine.shim(uid))
    job = machine.job(uid)
    for name in ("exit.json", "state.json", "stdout.log"):
        (job.path / name).unlink()
    before = time.time() - seconds  # when its controller was killed over it
    os.utime(job.path / "launch.json", (before, before))
    seen = machine.until(uid)
    assert seen.exit_code == 0


def packing(machine: Machine) -> str:
    """Return a run that packs, its shim stopped; one that was done already is tried again with more."""
    for size in (8, 16, 32, 64):
        code = (
            f"import os\nfor n in range({size}): open(f'/opt/ml/model/{{n}}', 'wb').write(os.urandom(1<<22))"
        )
        uid = machine.start("python", "-c", code, outputs=[Output(directory="model", name="model.tar.gz")])
        machine.until(uid, "packing", "exited")
        freeze(machine.shim(uid))
        if machine.runtime.inspect(uid).phase == "packing" and machine.job(uid).exit() is None:
            return uid
        machine.shim(uid).send(signal.SIGCONT)
    raise AssertionError("no run was met while it packed")


def test_a_run_stopped_while_packing_still_says_how_it_ended(machine: Machine) -> None:
    uid = packing(machine)
    machine.runtime.stop(uid)
    machine.shim(uid).send(signal.SIGCONT)
    seen = machine.until(uid)
    assert seen.exit_code == 0
    assert seen.outputs["model.tar.gz"].exists()


def test_a_shim_killed_while_packing_is_lost_and_never_a_success(machine: Machine) -> None:
    uid = packing(machine)
    machine.shim(uid).send(signal.SIGKILL)
    seen = machine.until(uid)
    assert seen.exit_code is None
    assert "packing" in seen.failure
    assert not seen.outputs


def test_a_run_whose_home_was_deleted_ends(machine: Machine) -> None:
    uid = machine.python(SLEEPER)
    machine.until_printed(uid, "up")
    container, shim = machine.container(uid), machine.shim(uid)
    machine.job(uid).path.rename(machine.home.root / "elsewhere")
    gone(container)
    gone(shim)


def test_a_stop_as_soon_as_a_run_runs_is_not_lost(machine: Machine) -> None:
    for _ in range(8):  # the container's first process is deaf to SIGTERM until it has made itself ready
        uid = machine.start("python", "-c", SLEEPER, grace=600)
        machine.until(uid, "running")
        machine.runtime.stop(uid)
        assert machine.until(uid).signal == signal.SIGTERM


def test_a_stop_before_the_program_started_needs_no_program(machine: Machine) -> None:
    uid = machine.start("sh", "-c", "echo ran; sleep 600")
    machine.runtime.kill(uid)
    assert machine.until(uid).exit_code in (None, 137)


def test_a_shim_whose_socket_is_gone_still_stops(machine: Machine) -> None:
    uid = machine.python(SLEEPER)
    machine.until_printed(uid, "up")
    launch = machine.job(uid).launch()
    assert launch
    (launch.sockets / "shim.sock").unlink()
    machine.runtime.stop(uid)
    assert machine.until(uid).signal == signal.SIGTERM

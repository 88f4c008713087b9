"""Files taken to safety while the program that writes them runs."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import pytest
from tests.runtime.machine import Machine

from clary.core.ids import uid as new_uid
from clary.runtime import saved
from clary.runtime.jobdir import JobDirectory
from clary.runtime.spec import Input, RunSpec

NOW = timedelta(0)
WAIT = "import time, pathlib; p=pathlib.Path('/opt/ml'); print('up', flush=True)\n"


def start(machine: Machine, code: str, *inputs: Input) -> str:
    uid = new_uid()
    machine.runtime.start(
        RunSpec(
            uid=uid,
            image="tiny",
            program="train",
            command=("python", "-c", code),
            inputs=inputs,
            saved=("checkpoints",),
            instance_type="ml.t3.medium",
        )
    )
    return uid


class Kept:
    """Where files are taken to."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.times = 0

    def keep(self, name: str, path: Path) -> None:
        self.files[name] = path.read_bytes()
        self.times += 1


def test_what_the_program_writes_is_saved_once_for_each_change(machine: Machine) -> None:
    code = (
        WAIT
        + "c=p/'checkpoints'; (c/'deep').mkdir(); (c/'deep/1').write_text('one'); print('one', flush=True)\n"
        "while not (p/'go').exists(): time.sleep(.01)\n"
        "(c/'deep/1').write_text('two'); (c/'2').write_text('new'); print('two', flush=True)"
    )
    uid, kept = start(machine, code), Kept()
    machine.until_printed(uid, "one")
    assert machine.runtime.unsaved(uid, "checkpoints", rested=NOW)
    machine.runtime.save(uid, "checkpoints", kept.keep)
    assert kept.files == {"deep/1": b"one"}
    assert not machine.again().unsaved(uid, "checkpoints", rested=NOW)
    (machine.job(uid).ml / "go").touch()
    machine.until(uid)
    assert not machine.runtime.unsaved(uid, "checkpoints", rested=timedelta(hours=1)), "it just was"
    machine.runtime.save(uid, "checkpoints", kept.keep)
    assert (kept.files, kept.times) == ({"deep/1": b"two", "2": b"new"}, 3)


def test_what_was_placed_there_is_the_programs_to_write_and_needs_no_saving(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "big").write_bytes(b"x" * (3 << 20))
    placed = Input(source=tmp_path / "big", target="checkpoints/big", writable=True)
    uid = start(machine, WAIT + "open(p/'checkpoints/big','r+b').write(b'y')", placed)
    machine.until_printed(uid, "up")
    seen = machine.until(uid)
    assert seen.exit_code == 0, machine.printed(uid)
    kept = Kept()
    machine.runtime.save(uid, "checkpoints", kept.keep)
    assert kept.files["big"][:2] == b"yx"
    assert (tmp_path / "big").read_bytes()[:2] == b"xx"


def test_a_checkpoint_that_was_only_placed_is_not_saved_again(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"x")
    uid = start(machine, "pass", Input(source=tmp_path / "old", target="checkpoints/old", writable=True))
    machine.until(uid)
    assert not machine.runtime.unsaved(uid, "checkpoints", rested=NOW)


@pytest.mark.parametrize("made", ["(c/'l').symlink_to('/etc/hostname')", "c.rmdir(); c.symlink_to('/etc')"])
def test_links_are_not_followed_out_of_the_directory(machine: Machine, made: str) -> None:
    uid, kept = start(machine, WAIT + "c=p/'checkpoints'\n" + made), Kept()
    machine.until(uid)
    machine.runtime.save(uid, "checkpoints", kept.keep)
    assert kept.files == {}


def test_a_run_whose_shim_died_still_has_its_checkpoints(machine: Machine) -> None:
    uid, kept = (
        start(machine, WAIT + "(p/'checkpoints/1').write_text('1'); print('w', flush=True); time.sleep(600)"),
        Kept(),
    )
    machine.until_printed(uid, "w")
    machine.shim(uid).send(signal.SIGKILL)
    assert "lost" in machine.until(uid).failure
    assert machine.runtime.unsaved(uid, "checkpoints", rested=NOW)
    machine.runtime.save(uid, "checkpoints", kept.keep)
    assert kept.files == {"1": b"1"}


def test_saving_a_run_that_is_gone_takes_nothing(machine: Machine) -> None:
    kept = Kept()
    machine.runtime.save("gone", "checkpoints", kept.keep)
    assert not machine.runtime.unsaved("gone", "checkpoints", rested=NOW) and kept.files == {}


def test_what_is_never_taken_is_told_and_not_looked_for_again(tmp_path: Path) -> None:
    job = JobDirectory(tmp_path / "run")
    deep = job.ml.joinpath("checkpoints", *"d" * (saved.DEEPEST + 1))
    deep.mkdir(parents=True)
    (deep / "far").write_text("x")
    (job.ml / "checkpoints" / "near").write_text("y")
    assert saved.unsaved(job, "checkpoints", rested=NOW)
    kept = Kept()
    [told] = saved.save(job, "checkpoints", kept.keep, budget=60)
    assert f"{saved.DEEPEST} directories deep" in told
    assert kept.files == {"near": b"y"}
    assert not saved.unsaved(job, "checkpoints", rested=NOW)

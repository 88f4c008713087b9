"""No run takes the last of the disk, and none is blamed for what others wrote."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from clary.runtime.disk import Disk, Usage

MIB = 1 << 20


@dataclass
class Small:
    """A disk of 40 MiB, of which 4 are the reserve."""

    free: int

    def __call__(self, _path: Path) -> Usage:
        return Usage(40 * MIB, self.free)


def filled(tmp_path: Path, mib: int) -> Path:
    run = tmp_path / "run"
    (run / "ml" / "model").mkdir(parents=True)
    (run / "ml" / "model" / "big").write_bytes(os.urandom(mib * MIB))
    return run


def test_a_run_that_took_what_was_left_has_to_end_and_makes_room(tmp_path: Path) -> None:
    run = filled(tmp_path, 6)
    (run / "log").write_bytes(b"x" * 5 * MIB)
    disk = Disk(run, serves=False, usage=Small(3 * MIB))
    assert "DiskFullError: The program had written 0.0 GiB when only 3 MiB" in disk.fault()
    disk.make_room(run / "ml", log=run / "log")
    assert not (run / "ml").exists()
    assert (run / "log").stat().st_size == 2 * MIB


def test_a_run_that_took_little_is_let_be(tmp_path: Path) -> None:
    assert Disk(filled(tmp_path, 1), serves=False, usage=Small(0)).fault() == ""


def test_what_is_shared_with_the_object_store_is_not_a_runs_own(tmp_path: Path) -> None:
    run = filled(tmp_path, 6)
    os.link(run / "ml" / "model" / "big", tmp_path / "object")
    assert Disk(run, serves=False, usage=Small(0)).fault() == ""


def test_a_server_is_the_last_to_go(tmp_path: Path) -> None:
    run = filled(tmp_path, 6)
    assert Disk(run, serves=True, usage=Small(3 * MIB)).fault() == ""
    assert Disk(run, serves=True, usage=Small(1 * MIB)).fault()


def test_a_disk_with_room_is_looked_at_seldom_and_the_end_of_a_run_looks_again(tmp_path: Path) -> None:
    small = Small(1 << 40)
    disk = Disk(filled(tmp_path, 6), serves=False, usage=small)
    began = time.monotonic()
    assert disk.fault() == ""
    assert 4 - (time.monotonic() - began) < disk.patience() <= 5
    small.free = 0
    assert disk.fault() == ""
    assert disk.fault(now=True)

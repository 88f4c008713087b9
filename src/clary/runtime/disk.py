"""Keeps one run from taking the last of the disk, without which nobody can write down how it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from clary.runtime.removal import remove_tree

RESERVE = 256 << 20  # bytes of the disk that no run may take, or a tenth of a small one
_FASTEST = 2 << 30  # bytes a second that a program may write; decides how soon to look again
_SOONEST, _LATEST = 0.02, 5.0  # seconds between two looks
_MOST_FILES = 100_000  # looked at to tell what a run has written


class Usage(NamedTuple):
    """A disk's bytes."""

    total: int
    free: int


def _usage(path: Path) -> Usage:
    found = shutil.disk_usage(path)
    return Usage(found.total, found.free)


class Disk:
    """The disk under one run. A server is given twice the patience: the job beside it is to go first."""

    def __init__(self, run: Path, *, serves: bool, usage: Callable[[Path], Usage] = _usage) -> None:
        self._run, self._usage = run, usage
        reserve = min(RESERVE, usage(run).total // 10)
        self._reserve = reserve // 2 if serves else reserve
        self._next = time.monotonic()

    def patience(self) -> float:
        """Return the seconds until the next look."""
        return max(0.0, self._next - time.monotonic())

    def fault(self, *, now: bool = False) -> str:
        """Say why this run has to end, if it does: little is left, and it took much of it."""
        if self.patience() > 0 and not now:
            return ""
        try:
            usage = self._usage(self._run)
        except OSError:
            return ""
        room = usage.free - self._reserve
        self._next = time.monotonic() + min(max(room / _FASTEST, _SOONEST), _LATEST)
        if room > 0:
            return ""
        taken = written(self._run)
        self._next = time.monotonic() + _LATEST  # should others have filled it, this run cannot help it
        if taken < self._reserve:
            return ""
        return (
            f"DiskFullError: The program had written {taken / (1 << 30):.1f} GiB when only "
            f"{usage.free >> 20} MiB of the server's disk ({usage.total / (1 << 30):.1f} GiB) were left. It "
            "was ended and what it wrote deleted. Write less, or free some space under CLARY_HOME"
        )

    def make_room(self, *folders: Path, log: Path) -> None:
        """Delete what the run wrote, and of its log what is more than the reserve."""
        for folder in folders:
            remove_tree(folder)
        with contextlib.suppress(OSError):
            if log.stat().st_size > self._reserve:
                os.truncate(log, self._reserve // 2)


def written(run: Path) -> int:
    """Return the bytes on disk that are a run's alone; inputs are links to what others have too."""
    found = seen = 0
    for folder, _, names in os.walk(run):
        for name in names:
            seen += 1
            if seen > _MOST_FILES:
                return found
            with contextlib.suppress(OSError):
                status = Path(folder, name).lstat()
                found += status.st_blocks * 512 if status.st_nlink == 1 else 0
    return found

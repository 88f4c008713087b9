"""Measures what a run's processes use of their host: `usage.jsonl` in the run's directory, a line a sample.

A line holds the milliseconds since 1970 and three percentages: `cpu`, in which a whole CPU is 100, `memory`
of what the run was given, `disk` of the file system that it writes to. At its end a run has no memory any
more; that sample speaks of it only when there is no other, and then of the most it had.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from pathlib import Path

from clary.runtime import health
from clary.runtime.alive import ProcessId
from clary.runtime.cgroups import Cgroup
from clary.runtime.jobdir import JobDirectory

FIRST, EVERY = 1.0, 10.0  # seconds to the first sample, and to the next; the last one comes at the end
_BRIEF = 1.0  # seconds; a last sample of less than that after the one before tells nothing
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Meter:
    """Measures one run, from now on; CPU time that was used before is none of its."""

    def __init__(self, job: JobDirectory, group: Cgroup | None, memory: int) -> None:
        self._job, self._group, self._memory = job, group, memory
        self._init: ProcessId | None = None
        self._at = time.monotonic()
        self._samples = self._highest = 0
        self._used = self._cpu() or 0.0

    def follow(self, init: ProcessId | None) -> None:
        """Know the container's first process, where no control group counts for it."""
        self._init = init

    def pids(self) -> list[int]:
        """Return the processes that there are."""
        return [pid for pid, _, _ in _tree(self._init)] if self._init else []

    def memory(self) -> str:
        """Say how much memory the run has now."""
        return health.of_memory(self._in_memory(), self._memory)

    def most_memory(self) -> str:
        """Say how much memory the run had at most."""
        return health.of_memory(max(self._most() or 0, self._highest), self._memory, "It had up to")

    def patience(self) -> float:
        """Return the seconds until the next sample."""
        return max(0.0, self._at + self._interval() - time.monotonic())

    def look(self, *, last: bool = False) -> None:
        """Write a sample, if it is time for one."""
        seconds = time.monotonic() - self._at
        if seconds < self._interval() and not (last and (seconds >= _BRIEF or not self._samples)):
            return
        used, memory = self._cpu(), self._most() if last else self._in_memory()
        self._at += seconds
        if used is None or memory is None:
            return
        self._highest = max(self._highest, memory)
        disk = shutil.disk_usage(self._job.path)
        sample = {
            "time": int(time.time() * 1000),
            "cpu": round(max(0.0, used - self._used) / max(seconds, 1e-3) * 100, 3),
            "disk": round(disk.used / disk.total * 100, 3),
        }
        if not (last and self._samples):
            sample["memory"] = round(min(1.0, memory / self._memory) * 100, 3)
        self._used = used
        self._samples += 1
        with contextlib.suppress(OSError), path_of(self._job).open("ab") as file:
            file.write(json.dumps(sample).encode() + b"\n")

    def _interval(self) -> float:
        return EVERY if self._samples else FIRST

    def _most(self) -> int | None:
        return self._group.memory_peak() if self._group else self._in_memory()

    def _cpu(self) -> float | None:
        if self._group and (seconds := self._group.cpu_seconds()) is not None:
            return seconds
        return sum(ticks for _, ticks, _ in _tree(self._init)) / _TICKS if self._init else None

    def _in_memory(self) -> int | None:
        if self._group and (used := self._group.memory_used()) is not None:
            return used
        return sum(pages for _, _, pages in _tree(self._init)) * _PAGE if self._init else None


def path_of(job: JobDirectory) -> Path:
    """Return where a run's samples are."""
    return job.path / "usage.jsonl"


def read(job: JobDirectory, offset: int) -> bytes:
    """Return the samples from a byte offset on, whole lines only."""
    try:
        with path_of(job).open("rb") as file:
            file.seek(offset)
            data = file.read(1 << 20)
    except FileNotFoundError:
        return b""
    return data[: data.rfind(b"\n") + 1]


def _tree(first: ProcessId) -> list[tuple[int, int, int]]:
    """Return a process and all below it: pid, ticks of CPU time with its dead children's, pages in memory."""
    found: dict[int, tuple[int, int, int]] = {}
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            pid = int(path.parent.name)
            found[pid] = (pid, sum(map(int, fields[11:15])), int(fields[21]))
            below.setdefault(int(fields[1]), []).append(pid)
    ahead, told = [first.pid] if first.alive() else [], []
    while ahead:
        pid = ahead.pop()
        if pid in found:
            told.append(found[pid])
            ahead += below.get(pid, [])
    return told

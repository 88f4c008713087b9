"""Memory and process limits through whatever control groups this machine lets us use."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path("/sys/fs/cgroup")
MOST_PROCESSES = 16384  # of one run, so that a fork bomb stays its own problem


@dataclass(frozen=True)
class Cgroup:
    """One run's control group: a directory, or one per controller with version 1."""

    version: Literal[1, 2]
    memory: Path
    others: tuple[Path, ...] = ()

    def join(self) -> None:
        """Put the calling process in."""
        for path in (self.memory, *self.others):
            (path / "cgroup.procs").write_text("0")

    def limit(self, memory: int) -> None:
        """Set another memory limit; one below what is in use already stays as it was."""
        name = "memory.max" if self.version == 2 else "memory.limit_in_bytes"
        with contextlib.suppress(OSError):
            (self.memory / name).write_text(str(memory))

    def threads(self) -> list[int]:
        """Return every thread inside."""
        found: list[int] = []
        for pid in _processes(self.memory):
            with contextlib.suppress(OSError):
                found += [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
        return found

    def kills(self) -> int:
        """Return how many processes the kernel has ended because the memory was used up."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        try:
            lines = (self.memory / name).read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)

    def cpu_seconds(self) -> float | None:
        """Return the CPU time that everything inside has used, ended processes included."""
        if self.version == 2:
            microseconds = _field(self.memory / "cpu.stat", "usage_usec")
            return None if microseconds is None else microseconds / 1e6
        for path in self.others:
            with contextlib.suppress(OSError):
                return int((path / "cpuacct.usage").read_text()) / 1e9
        return None

    def memory_used(self) -> int | None:
        """Return the bytes in use; files that the kernel would let go of first are not counted."""
        name = "memory.current" if self.version == 2 else "memory.usage_in_bytes"
        cached = _field(
            self.memory / "memory.stat", "inactive_file" if self.version == 2 else "total_inactive_file"
        )
        try:
            return max(0, int((self.memory / name).read_text()) - (cached or 0))
        except OSError:
            return None

    def memory_peak(self) -> int | None:
        """Return the most bytes that were ever in use; where the kernel does not say, those that are now."""
        name = "memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"
        try:
            return int((self.memory / name).read_text())
        except OSError:
            return self.memory_used()

    def end(self) -> None:
        """Kill every process inside and remove the group, as far as that is possible within a second."""
        until = time.monotonic() + 1
        while time.monotonic() < until:
            for pid in _processes(self.memory):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            try:
                for path in (self.memory, *self.others):
                    if path.exists():
                        path.rmdir()
                return
            except OSError:
                time.sleep(0.01)

    def document(self) -> list[str]:
        """Return it as JSON."""
        return [str(self.version), str(self.memory), *map(str, self.others)]


def read(document: list[str] | None) -> Cgroup | None:
    """Return the group that `Cgroup.document` wrote."""
    if not document:
        return None
    paths = tuple(Path(path) for path in document[1:])
    return Cgroup(2 if document[0] == "2" else 1, paths[0], paths[1:])


def create(name: str, memory: int, root: Path = ROOT, membership: str = "") -> Cgroup | None:
    """Make a group with a memory limit for one run; None where this machine does not let us."""
    own = membership or Path("/proc/self/cgroup").read_text()
    groups = dict(_memberships(own))
    if (root / "cgroup.controllers").exists():
        return _create_v2(f"clary-{name}", memory, root, groups.get("", "/"))
    return _create_v1(f"clary-{name}", memory, root, groups)


def limit_data(memory: int) -> None:
    """Limit the calling process alone: the last resort, under which an allocation fails rather than kills."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _create_v1(name: str, memory: int, root: Path, groups: dict[str, str]) -> Cgroup | None:
    made = _child(root / "memory", groups.get("memory", "/"), name)
    if made is None:
        return None
    try:
        (made / "memory.limit_in_bytes").write_text(str(memory))
    except OSError:
        made.rmdir()
        return None
    others = []
    if pids := _child(root / "pids", groups.get("pids", "/"), name):
        (pids / "pids.max").write_text(str(MOST_PROCESSES))
        others.append(pids)
    if counted := _child(root / "cpuacct", groups.get("cpuacct", "/"), name):
        others.append(counted)
    return Cgroup(1, made, tuple(others))


def _child(controller: Path, membership: str, name: str) -> Path | None:
    for parent in (controller / membership.lstrip("/"), controller):
        try:
            (parent / name).mkdir(exist_ok=True)
        except OSError:
            continue
        return parent / name
    return None


def _create_v2(name: str, memory: int, root: Path, membership: str) -> Cgroup | None:
    """Look for the nearest ancestor that may have children with a memory limit."""
    parent = root / membership.lstrip("/")
    while True:
        if made := _limited(parent, name, memory):
            return Cgroup(2, made)
        if parent == root or root not in parent.parents:
            return None
        parent = parent.parent


def _limited(parent: Path, name: str, memory: int) -> Path | None:
    made = parent / name
    try:
        if "memory" not in (parent / "cgroup.subtree_control").read_text().split():
            (parent / "cgroup.subtree_control").write_text("+memory +pids")
        made.mkdir(exist_ok=True)
    except OSError:
        return None
    try:
        (made / "memory.max").write_text(str(memory))
        if (made / "memory.swap.max").exists():
            (made / "memory.swap.max").write_text("0")
        if (made / "pids.max").exists():
            (made / "pids.max").write_text(str(MOST_PROCESSES))
    except OSError:
        made.rmdir()
        return None
    return made if os.access(parent / "cgroup.procs", os.W_OK) else None


def _memberships(text: str) -> list[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        found += [(controller, path) for controller in controllers.split(",")]
    return found


def _field(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)


def _processes(path: Path) -> list[int]:
    try:
        return [int(line) for line in (path / "cgroup.procs").read_text().split()]
    except OSError:
        return []

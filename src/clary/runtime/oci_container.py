"""A container that an engine runs, as its shim sees it: a keeper process stands for it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from clary.runtime import cgroups
from clary.runtime.alive import identify
from clary.runtime.beneath import open_directory, parts
from clary.runtime.cgroups import Cgroup
from clary.runtime.container import Container
from clary.runtime.engine import Engine
from clary.runtime.jobdir import JobDirectory
from clary.runtime.launch import Launch
from clary.runtime.oci_arguments import OPEN, container_name, create, group_path
from clary.runtime.sandbox import INTERPRETER
from clary.runtime.spec import RunSpec

KILL = signal.SIGUSR1  # what the keeper takes for the end, which SIGKILL would keep it from making
_ENGINE_LEAVES = 2.0  # seconds after its container is gone
_SOURCES = Path(__file__).resolve().parents[2]


class OciContainer(Container):
    """A started container; signals go to its keeper, which passes them on."""

    def __init__(
        self, process: subprocess.Popen[bytes], report: int, engine: Engine, name: str, group: Cgroup | None
    ) -> None:
        super().__init__(process, identify(process.pid), report)
        self._engine, self._name, self._group = engine, name, group

    def wait(self) -> int:
        """Reap the keeper, after which the container is gone."""
        code = super().wait()
        if code:  # it was killed, or failed
            self._engine.remove(self._name)
        if self.status == signal.SIGKILL and self._group and _was_full(self._group):
            self.kills = 1
        if self._group:
            _tidy(self._group)
        return code

    def kill(self) -> None:
        """End the container now."""
        if self.init:
            self.init.send(KILL)

    def let_in(self, order: bytes, descriptors: Sequence[int]) -> None:
        """Refuse: the engine itself starts commands beside the program."""
        raise OSError(
            f"this run is {self._engine.kind}'s: go in with `{self._engine.kind} exec -it {self._name} sh`"
        )


def start(
    job: JobDirectory, spec: RunSpec, launch: Launch, binds: Sequence[tuple[Path, str]], group: Cgroup | None
) -> OciContainer:
    """Start the keeper; the container's output goes into the log file."""
    if launch.engine is None:
        raise ValueError(f"the run {job.uid} has no engine")
    for name in (*OPEN, *spec.saved, *(output.directory for output in spec.outputs)):
        handle = open_directory(job.ml, parts(name), create=True)
        os.fchmod(handle, 0o777)  # the job's directory itself is closed to others
        os.close(handle)
    plan = job.path / "oci.json"
    plan.write_text(json.dumps(create(job, spec, launch, binds, group)), encoding="utf-8")
    plan.chmod(0o600)
    report, written = os.pipe()
    words = ["-m", "clary.runtime.oci_keeper", str(job.path), str(written), str(os.getpid())]
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *INTERPRETER, *words],
            env={"PYTHONPATH": str(_SOURCES), "LANG": "C.UTF-8", "PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=(written,),
            preexec_fn=_deaf,
        )
    finally:
        os.close(log)
        os.close(written)
    own = group if launch.engine.own_groups else None
    return OciContainer(process, report, launch.engine, container_name(job.uid), own)


def sweep(job: JobDirectory) -> None:
    """End the container of a run, should its keeper have left one, and forget it."""
    launch = job.launch()
    if launch is None or launch.engine is None:
        return
    launch.engine.remove(container_name(job.uid))
    state = job.state()
    group = cgroups.read(state["cgroup"]) if state else None
    if group:
        _tidy(group)


def _tidy(group: Cgroup) -> None:
    """Remove what an engine made of our group: what is below it, and its namesakes in other hierarchies."""
    name = group_path(group).lstrip("/")
    roots = list(cgroups.ROOT.iterdir()) if group.version == 1 else [cgroups.ROOT]
    until = time.monotonic() + _ENGINE_LEAVES
    left = [path for root in roots if (path := root / name).is_dir()]
    while left and time.monotonic() < until:
        for path in left:
            with contextlib.suppress(OSError):
                for below in path.iterdir():
                    if below.is_dir():
                        below.rmdir()
                if path not in (group.memory, *group.others):
                    path.rmdir()
        left = [path for path in left if path.is_dir() and any(below.is_dir() for below in path.iterdir())]
        if left:  # the engine's own process is on its way out
            time.sleep(0.02)


def _was_full(group: Cgroup) -> bool:
    """Tell whether a group's memory was used up; version 1 counts a kill in the container's group alone."""
    try:
        return int((group.memory / "memory.failcnt").read_text()) > 0
    except (OSError, ValueError):
        return False


def _deaf() -> None:
    """Let signals wait until the keeper asks for them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {KILL, signal.SIGTERM})

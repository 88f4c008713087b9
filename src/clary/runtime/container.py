"""One container from its start to its end, as its shim sees it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from clary.runtime import cgroups
from clary.runtime.alive import ProcessId, identify
from clary.runtime.bwrap import BwrapSandbox
from clary.runtime.cgroups import Cgroup
from clary.runtime.jobdir import JobDirectory
from clary.runtime.launch import Launch
from clary.runtime.process import ProcessSandbox
from clary.runtime.sandbox import Sandbox
from clary.runtime.spec import RunSpec

_RUNAWAY_CORE = 0  # bytes of a core file: a crash should not fill the disk


class Container:
    """A started container. `report` is readable when its `init` has something to say, and at its end."""

    def __init__(self, process: subprocess.Popen[bytes], init: ProcessId | None, report: int) -> None:
        self.report = report
        self.init = init
        self.up = False
        self.status: int | None = None
        self.kills = 0  # that the container's own keeper knows of
        self._process = process
        self._unread = b""

    def read(self) -> bool:
        """Take in what `init` reported; tell whether it can still say more."""
        piece = os.read(self.report, 4096)
        *lines, self._unread = (self._unread + piece).split(b"\n")
        for line in lines:
            if line == b"up":
                self.up = True
            elif line == b"oom":
                self.kills = 1
            elif line.startswith(b"end "):
                self.status = int(line.split()[1])
        return bool(piece)

    def let_in(self, order: bytes, descriptors: Sequence[int]) -> None:
        """Have a command started beside the program; `descriptors` are the caller's connection and pipes."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))]
        with socket.socket(fileno=os.dup(self.report)) as channel:
            channel.sendmsg([order], rights, socket.MSG_DONTWAIT)

    def stop(self) -> None:
        """Ask the program to end."""
        if self.init:
            self.init.send(signal.SIGTERM)

    def kill(self) -> None:
        """End the container now: with its first process the kernel ends all the others."""
        if self.init:
            self.init.send(signal.SIGKILL)
        else:
            self._process.kill()

    def wait(self) -> int:
        """Reap it; return the exit code, negative for a signal."""
        return self._process.wait()


def sandbox_of(launch: Launch) -> Sandbox:
    """Return the sandbox that a launch names."""
    if launch.sandbox == "bwrap" and launch.bwrap:
        return BwrapSandbox(launch.bwrap, disable_userns=launch.disable_userns)
    return ProcessSandbox()


def start(
    job: JobDirectory,
    spec: RunSpec,
    launch: Launch,
    binds: Sequence[tuple[Path, str]],
    cgroup: Cgroup | None,
    inherited: tuple[int, ...] = (),
    *,
    join: Callable[[], None] | None = None,
) -> Container:
    """Start the container; its output goes straight into the log file, whatever becomes of the shim.

    `inherited` descriptors are the program's, and closed here; `join` brings it into namespaces that exist.
    """
    report, written = (end.detach() for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    command = sandbox_of(launch).command(job, spec, launch, binds, written)
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - the program is what the user asked to run
            command.argv,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/" if launch.sandbox == "bwrap" else job.ml,
            pass_fds=(*command.descriptors, *inherited),
            preexec_fn=_limits(launch, cgroup, join),
        )
    except subprocess.SubprocessError as error:  # all that is told of what the child could not do to itself
        gone = "; the network of the job's hosts may be gone" if join else ""
        raise OSError(f"the program's process could not be prepared{gone}") from error
    finally:
        os.close(log)
        for descriptor in (*command.descriptors, *inherited):
            os.close(descriptor)
    init = identify(process.pid)
    if command.information is not None:
        init = _first_process(command.information)
    return Container(process, init, report)


def _limits(launch: Launch, cgroup: Cgroup | None, join: Callable[[], None] | None) -> Callable[[], None]:
    """Return what the child does to itself before it becomes the sandbox; the shim has no other thread."""

    def apply() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (_RUNAWAY_CORE, _RUNAWAY_CORE))
        if launch.share.cpus:
            os.sched_setaffinity(0, launch.share.cpus)
        if not _joined(cgroup):
            cgroups.limit_data(launch.share.memory)
        if join:
            join()

    return apply


def _joined(cgroup: Cgroup | None) -> bool:
    try:
        if cgroup:
            cgroup.join()
    except OSError:
        return False
    return cgroup is not None


def _first_process(information: int) -> ProcessId | None:
    """Read from bubblewrap which process is the sandbox's first; nothing when there is no sandbox."""
    with os.fdopen(information, "rb") as file:
        text = file.read()
    try:
        return identify(json.loads(text)["child-pid"])
    except (ValueError, KeyError):
        return None

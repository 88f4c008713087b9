"""The network of an isolated job of several hosts: `python -m clary.runtime.hub DIRECTORY…`, one a host.

It makes a user namespace of its own, where this takes no privilege, and in it a network namespace for each
host and one with the bridge between them. There is no way out of them. `hub.json` in the first host's
directory says where they are. The process holds them until all of the runs have ended; it is started by the
first host's shim and outlives it.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from clary.core.document import Document
from clary.runtime import netlink
from clary.runtime.alive import identify
from clary.runtime.jobdir import JobDirectory, read_document, write
from clary.runtime.network import OWN, addresses
from clary.runtime.sandbox import INTERPRETER
from clary.runtime.spec import RunSpec

BRIDGE = "hub"
BITS = 24  # of the addresses that hosts have in common
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_PATIENCE = 30.0  # seconds that a host waits for its network
_LOOKS_FOR_IT = 0.01
_LOOKS = 0.5  # seconds between looks whether anybody is left
_library = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> int:
    """Make the network and keep it until nobody needs it."""
    jobs = [JobDirectory(Path(name)) for name in arguments]
    try:
        told = _make(jobs[0].spec())
    except OSError as error:
        told = {"failure": f"{error}"}
    write(jobs[0].path / "hub.json", told)
    while "failure" not in told and any(job.path.exists() and not job.exit() for job in jobs):
        time.sleep(_LOOKS)
    return 0


def network(job: JobDirectory, spec: RunSpec, *, stopping: Callable[[], bool]) -> Callable[[], None] | None:
    """Return what brings a process with one thread into its host's network; nothing where there is none.

    The first host's shim starts the hub, the others wait for it.
    """
    if spec.network or not spec.gang:
        return None
    first = JobDirectory(job.path.with_name(spec.gang[0]))
    if job.uid == first.uid:
        _start([job.path.with_name(uid) for uid in spec.gang], job)
    until = time.monotonic() + _PATIENCE
    while (told := read_document(first.path / "hub.json")) is None and not stopping():
        if time.monotonic() > until or not first.path.exists() or first.exit():
            raise OSError(f"the network of the job's hosts was not there within {_PATIENCE:.0f} s")
        time.sleep(_LOOKS_FOR_IT)
    if told is None:
        return None
    if "failure" in told:
        raise OSError(f"the network of the job's hosts could not be made: {told['failure']}")
    return _joining(told, spec.gang.index(job.uid))


def _start(jobs: Sequence[Path], first: JobDirectory) -> None:
    """Start the hub in a session of its own: it outlives this shim, which may end before the others."""
    with (first.path / "shim.log").open("ab") as log:
        subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *INTERPRETER, "-m", "clary.runtime.hub", *map(str, jobs)],
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )


def _joining(told: Document, number: int) -> Callable[[], None]:
    paths = ((told["user"], _NEW_USER), (told["networks"][number], _NEW_NET))

    def join() -> None:
        for handle, kind in [(os.open(path, os.O_RDONLY | os.O_CLOEXEC), kind) for path, kind in paths]:
            _check(_library.setns(handle, kind))

    return join


def _make(spec: RunSpec) -> Document:
    user, group = os.geteuid(), os.getegid()
    _check(_library.unshare(_NEW_USER | _NEW_NET))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    here = _namespace()
    networks = []
    for _ in spec.hosts:
        _check(_library.unshare(_NEW_NET))
        netlink.bring_up("lo")
        networks.append(_namespace())
    _check(_library.setns(here, _NEW_NET))
    netlink.add_bridge(BRIDGE)
    netlink.bring_up(BRIDGE)
    for number, network in enumerate(networks, 1):
        netlink.add_pair(f"host{number}", BRIDGE, OWN, network)
        netlink.bring_up(f"host{number}")
    for network, address in zip(networks, addresses(spec).values(), strict=True):
        _check(_library.setns(network, _NEW_NET))
        netlink.add_address(OWN, address, BITS)
        netlink.bring_up(OWN)
    me = identify(os.getpid())
    process = f"/proc/{os.getpid()}"
    return {
        "hub": me.document() if me else None,
        "user": f"{process}/ns/user",
        "networks": [f"{process}/fd/{network}" for network in networks],
    }


def _namespace() -> int:
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

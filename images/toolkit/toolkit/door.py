"""How one host of a job starts programs on the others without ssh: doors in a directory that they share.

A host that waits behind its door (`serve`) runs what is sent there, until the first host sends it home. The
caller's standard streams go through the door with the order, so that what runs behind it reads and writes
them itself. `python -m toolkit.door HOST COMMAND…` sends an order as `ssh` would, which is what `mpirun`
calls. Nobody who cannot write to the directory can open a door.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

DIRECTORY = "TOOLKIT_HOSTS_DIRECTORY"  # the variable that names it
SECONDS = 3600.0  # that a host may take until it is behind its door: it may have packages to install
NOBODY = 255  # what ssh answers when it reaches nobody
_LOOKS = 0.05
_LONGEST = 1 << 20


def directory() -> Path | None:
    """Return the directory that the hosts share, where they have one."""
    named = os.environ.get(DIRECTORY)
    return Path(named) if named and Path(named).is_dir() else None


def serve(folder: Path, host: str) -> None:
    """Run what is sent to a host's door, until the host is sent home."""
    path = folder / f"{host}.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(str(path))
        door.listen()
        while True:
            caller, _ = door.accept()
            order, streams = _received(caller)
            if "command" in order:
                called = (caller, str(order["command"]), streams)
                threading.Thread(target=_run, args=called, daemon=True).start()
            elif "home" in order:
                caller.close()
                return


def send_home(folder: Path, hosts: Iterable[str]) -> None:
    """Tell hosts that there is no more to run; one that is gone already needs no telling."""
    for host in hosts:
        try:
            with _reached(folder, host, time.monotonic()) as door:
                door.send(json.dumps({"home": True}).encode())
        except OSError:
            continue


def main(arguments: list[str]) -> int:
    """Run a command on a host with this process's standard streams; return its exit code."""
    host, *command = arguments
    folder = directory()
    if folder is None:
        sys.stderr.write(f"{DIRECTORY} names no directory: the host {host} cannot be reached.\n")
        return NOBODY
    order = json.dumps({"command": " ".join(command)}).encode()
    try:
        with _reached(folder, host, time.monotonic() + SECONDS) as door:
            socket.send_fds(door, [order], [0, 1, 2])
            told = door.recv(_LONGEST)
    except OSError as wrong:
        sys.stderr.write(f"The host {host} cannot be reached: {wrong}.\n")
        return NOBODY
    return int(told) if told else NOBODY


def _reached(folder: Path, host: str, until: float) -> socket.socket:
    """Return a connection to a host's door; one that is not there yet is waited for."""
    while True:
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            door.connect(str(folder / f"{host}.sock"))
        except (FileNotFoundError, ConnectionRefusedError):
            door.close()
            if time.monotonic() >= until:
                raise
            time.sleep(_LOOKS)
        else:
            return door


def _received(caller: socket.socket) -> tuple[dict[str, object], list[int]]:
    data, streams, _, _ = socket.recv_fds(caller, _LONGEST, 3)
    return json.loads(data or b"{}"), streams


def _run(caller: socket.socket, command: str, streams: list[int]) -> None:
    """Run one command to its end, or until whoever sent it is gone."""
    child = subprocess.Popen(  # noqa: S603 - what the job's first host sent
        ["/bin/sh", "-c", command],
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        start_new_session=True,
    )
    for descriptor in streams:
        os.close(descriptor)
    ended = os.pidfd_open(child.pid)
    ready, _, _ = select.select([ended, caller.fileno()], [], [])
    if ended not in ready:
        os.killpg(child.pid, signal.SIGKILL)
    code = child.wait()
    os.close(ended)
    with caller:
        try:
            caller.send(str(128 - code if code < 0 else code).encode())
        except OSError:
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

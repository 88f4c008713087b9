"""Says what a server that is not ready does instead: what it answers, where it listens, how much it holds."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

_LISTENING = "0A"  # a TCP socket's state in /proc


def words(heard: str, pids: Sequence[int], memory: str) -> str:
    """Put it into a sentence or two, without the first word's capital."""
    ports = sorted(listening(pids))
    if ports:
        numbers = ", ".join(map(str, ports))
        heard += f". It listens on port {numbers}, where nobody asks"
    return f"{heard}. {memory}" if memory else heard


def of_memory(used: int | None, given: int, verb: str = "It has") -> str:
    """Say how much memory is used of what was given."""
    return f"{verb} {used / (1 << 30):.2f} of {given / (1 << 30):.1f} GiB of memory" if used else ""


def listening(pids: Sequence[int]) -> set[int]:
    """Return the TCP ports on which processes listen."""
    own, found = {inode for pid in pids for inode in _sockets(pid)}, set()
    for pid in pids:
        for name in ("tcp", "tcp6"):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
                    fields = line.split()
                    if fields[3] == _LISTENING and fields[9] in own:
                        found.add(int(fields[1].rpartition(":")[2], 16))
    return found


def _sockets(pid: int) -> list[str]:
    """Return the inodes of a process's sockets."""
    found = []
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it may close one meanwhile
                kind, _, inode = str(path.readlink()).partition(":[")
                if kind == "socket":
                    found.append(inode.rstrip("]"))
    return found

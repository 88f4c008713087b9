"""Unix sockets by paths of any length, and the datagram that says "look again"."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def short(path: Path) -> Iterator[str]:
    """Give a unix socket's path in a form that fits the 107 bytes the kernel allows."""
    if len(os.fsencode(path)) < 100:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def wake(path: Path, subject: str = "run") -> None:
    """Tell whoever listens there what changed; nobody listening is fine."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.setblocking(False)
        with short(path) as name:
            sender.sendto(subject.encode(), name)

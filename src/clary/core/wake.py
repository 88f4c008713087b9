"""A nudge from whoever made work appear to the controllers' loop. Losing one costs time, never work."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from clary.core import unix


def send(path: Path, subject: str = "") -> None:
    """Wake whoever listens at `path`, naming the record or run that changed; nobody listening is no error."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender,
        unix.address(path) as address,
    ):
        sender.sendto(subject.encode() or b"\x01", address)


def listen(path: Path) -> socket.socket:
    """Return a non-blocking datagram socket bound to `path`, taking the place of a dead listener's."""
    path.unlink(missing_ok=True)
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with unix.address(path) as address:
        receiver.bind(address)
    path.chmod(0o600)
    return receiver


def drain(receiver: socket.socket) -> int:
    """Take every datagram that waits, so that many nudges are one; return how many there were."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while receiver.recv(64):
            count += 1
    return count


def heard(receiver: socket.socket) -> set[str]:
    """Take every datagram that waits; return the subjects they named."""
    subjects = set()
    with contextlib.suppress(BlockingIOError):
        while datagram := receiver.recv(64):
            subjects.add(datagram.decode(errors="replace"))
    return subjects - {"\x01"}

"""Which hosts somebody waits for an answer of: locks on small files, shared by all processes of a home.

Whoever asks hosts holds a lock for each that works for it, and looks once a second which those are: a call
costs nothing, and one that a host is given in its last moment is over before it matters, or seen in time. The
kernel gives back what a killed process held.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Set

from clary.core.settings import Home


class Attendance:
    """One process's share in it."""

    def __init__(self, home: Home) -> None:
        self._folder = home.run / "attended"
        self._held: dict[str, int] = {}

    def attend(self, hosts: Set[str]) -> None:
        """Hold the locks of these hosts, and of no others."""
        for uid in self._held.keys() - hosts:
            os.close(self._held.pop(uid))
        for uid in hosts - self._held.keys():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._folder / uid, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._held[uid] = descriptor
            with contextlib.suppress(BlockingIOError):  # somebody looks just now; the next second will do
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                continue
            os.close(self._held.pop(uid))

    def attended(self, uid: str) -> bool:
        """Say whether any process waits for a host."""
        try:
            descriptor = os.open(self._folder / uid, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def forget(self, uid: str) -> None:
        """Remove what is left of a host that is gone."""
        (self._folder / uid).unlink(missing_ok=True)

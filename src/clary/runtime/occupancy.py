"""Who is being called: locks on small files, shared by the gateways and the controller of a home.

An environment of a serverless endpoint is a file. Whoever calls the environment holds the file's lock, so
one call at a time has it, in whichever process; when it was last used is the file's time. It is closed by
deleting the file while holding the lock, so that a call either has the environment or finds it closed, never
half. A place among an endpoint's concurrent calls is one byte of another file; who waits or is answered holds
one. The kernel gives back what a killed process held. evidence/serverless.md
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from clary.core.settings import Home

_LOCK = struct.Struct("hhqqi0q")  # struct flock of 64-bit Linux
_SET, _GET = fcntl.F_OFD_SETLK, fcntl.F_OFD_GETLK
_CALLS = "calls"


def folder(home: Home, endpoint: str) -> Path:
    """Return where the files of an endpoint's environments are; it is named by the endpoint's uid."""
    return home.run / "serverless" / endpoint


def open_place(place: Path, environment: str) -> None:
    """Have an environment that may be called and never was; one that is there already stays as it is."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(place / environment, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        os.utime(place / environment, (0, 0))


def close_place(place: Path, environment: str) -> bool:
    """Let nobody call an environment from now on; return False where somebody does just now."""
    try:
        descriptor = os.open(place / environment, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        if not _locked(descriptor):
            return False
        (place / environment).unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)


def forget(place: Path, environment: str) -> None:
    """Remove what is left of an environment that is gone."""
    (place / environment).unlink(missing_ok=True)


def forget_all(place: Path) -> None:
    """Remove what is left of an endpoint that is gone."""
    if place.exists():
        for path in place.iterdir():
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # an environment of the same endpoint that was opened meanwhile
            place.rmdir()


def last_used(place: Path, environment: str) -> float | None:
    """Return when an environment was last used, in seconds since 1970, 0 if never; None for a closed one."""
    try:
        return (place / environment).stat().st_mtime
    except FileNotFoundError:
        return None


def in_use(place: Path, environment: str) -> bool:
    """Say whether somebody calls an environment just now."""
    return _asked(place / environment, 0, 1) > 0


def calls(place: Path, most: int) -> int:
    """Return how many of an endpoint's places for calls are taken; there are `most`."""
    return _asked(place / _CALLS, 0, most)


class Environment:
    """One environment, seen by a process that calls it. Raises FileNotFoundError where it is closed."""

    def __init__(self, place: Path, environment: str) -> None:
        self._descriptor = os.open(place / environment, os.O_RDWR)

    def take(self) -> bool:
        """Have it for one call; False where somebody else has it, or where it is closed by now."""
        if not _locked(self._descriptor):
            return False
        if os.fstat(self._descriptor).st_nlink:
            return True
        _unlock(self._descriptor)
        return False

    def leave(self, now: float) -> None:
        """Give it back, used until `now`."""
        os.utime(self._descriptor, (now, now))
        _unlock(self._descriptor)

    def close(self) -> None:
        """Forget it."""
        os.close(self._descriptor)


class Calls:
    """The places for an endpoint's concurrent calls, seen by a process that takes some of them."""

    def __init__(self, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(place / _CALLS, os.O_RDWR | os.O_CREAT, 0o600)
        self._taken: set[int] = set()

    def take(self, most: int) -> int | None:
        """Take one of `most` places and return its number; None where there is none left."""
        for number in range(most):
            if number not in self._taken and _locked(self._descriptor, number):
                self._taken.add(number)
                return number
        return None

    def leave(self, number: int) -> None:
        """Give a place back."""
        self._taken.discard(number)
        _unlock(self._descriptor, number)

    def gone(self) -> bool:
        """Say whether the endpoint is there no more."""
        return not os.fstat(self._descriptor).st_nlink

    def close(self) -> None:
        """Forget them, and give back what was taken."""
        os.close(self._descriptor)


def _locked(descriptor: int, byte: int = 0) -> bool:
    try:
        fcntl.fcntl(descriptor, _SET, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
    except BlockingIOError:
        return False
    return True


def _unlock(descriptor: int, byte: int = 0) -> None:
    fcntl.fcntl(descriptor, _SET, _LOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, byte, 1, 0))


def _asked(path: Path, first: int, count: int) -> int:
    """Return how many of a file's bytes somebody has locked, without getting in anybody's way."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return 0
    try:
        return sum(_held(descriptor, first, count))
    finally:
        os.close(descriptor)


def _held(descriptor: int, first: int, count: int) -> Iterator[bool]:
    """Say of each locked byte that it is; a range in which none is costs one look."""
    told = fcntl.fcntl(descriptor, _GET, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, first, count, 0))
    if _LOCK.unpack(told)[0] == fcntl.F_UNLCK:
        return
    if count == 1:
        yield True
        return
    half = count // 2
    yield from _held(descriptor, first, half)
    yield from _held(descriptor, first + half, count - half)

"""Files under a directory that a job could write to: no link in it is ever followed.

A job may have put a symbolic link anywhere under its /opt/ml. Links mean something inside its sandbox only;
the host, which would follow them into its own files, walks one name at a time and refuses.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Unsafe(Exception):
    """A name that would lead out of its directory; the message says which and why."""


def parts(name: str) -> tuple[str, ...]:
    """Take a relative path apart; refuse one that is absolute, climbs, or is not a name."""
    if name.startswith("/"):
        raise Unsafe(f"{name!r} is an absolute path; it must be relative.")
    found = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in found:
        raise Unsafe(f"{name!r} climbs out of its directory with '..'.")
    if "\0" in name or any(len(os.fsencode(part)) > 255 for part in found):
        raise Unsafe(f"{name[:80]!r} is not a usable file name.")
    return found


def open_directory(root: Path, names: tuple[str, ...], *, create: bool = False) -> int:
    """Return a descriptor of a directory under `root`, made if asked; the caller closes it."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=handle)
            below = _step(handle, name)
            os.close(handle)
            handle = below
    except BaseException:
        os.close(handle)
        raise
    return handle


def create_file(root: Path, name: str, *, mode: int = 0o644) -> int:
    """Open a new file under `root` for writing, its directories made; what was there by that name is
    replaced.
    """
    names = parts(name)
    if not names:
        raise Unsafe(f"{name!r} names no file.")
    directory = open_directory(root, names[:-1], create=True)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(names[-1], flags, mode, dir_fd=directory)
        except FileExistsError:
            replace(directory, names[-1])
            return os.open(names[-1], flags, mode, dir_fd=directory)
    finally:
        os.close(directory)


def replace(directory: int, name: str) -> None:
    """Take away the file or link that has a name wanted for another; a directory stays and is refused."""
    try:
        os.unlink(name, dir_fd=directory)
    except (IsADirectoryError, PermissionError) as error:
        raise Unsafe(f"{name!r} is a directory and something else at once.") from error


def read_file(root: Path, name: str, limit: int) -> bytes | None:
    """Return the start of a regular file under `root`; None if there is none, or a link stands in the way."""
    names = parts(name)
    try:
        directory = open_directory(root, names[:-1])
    except (OSError, Unsafe):
        return None
    try:
        handle = os.open(
            names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory
        )
    except OSError:
        return None
    finally:
        os.close(directory)
    with os.fdopen(handle, "rb") as file:
        return file.read(limit) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None


def _step(directory: int, name: str) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Unsafe(f"{name!r} is a link or a file where a directory should be.") from error
        raise


def let_owner(directory: int, name: str, status: os.stat_result) -> None:
    """Give the owner of a file or directory what a program that has ended took from itself: to read it.

    What is somebody else's stays as it is, and whoever opens it is told.
    """
    needed = stat.S_IRWXU if stat.S_ISDIR(status.st_mode) else stat.S_IRUSR
    if status.st_mode & needed == needed or not (
        stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
    ):
        return
    with contextlib.suppress(OSError):
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            Path(f"/proc/self/fd/{handle}").chmod(stat.S_IMODE(status.st_mode) | needed)
        finally:
            os.close(handle)

"""Deletes what a job could write to, however deep, however named and whatever its modes."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOVED = ".moved-up-"


def remove_tree(path: Path) -> None:
    """Delete a directory with all that is in it; what the system will not let go is left behind.

    Directories are moved up and emptied one after the other: neither Python's stack nor the longest path
    limits how deep they lie. No link is followed.
    """
    try:
        root = os.open(path, _DIRECTORY)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return
    try:
        names = itertools.count()
        while _empty(root, names):
            pass
    finally:
        os.close(root)
    with contextlib.suppress(OSError):
        path.rmdir()


def _empty(root: int, names: itertools.count[int]) -> bool:
    """Delete the files right in a directory, and its directories but for what lies in those; tell whether
    there is more to do.
    """
    more = False
    for name, below in _entries(root):
        if not below:
            _delete(root, name)
            continue
        try:
            with contextlib.suppress(OSError):
                os.chmod(name, stat.S_IRWXU, dir_fd=root)
            handle = os.open(name, _DIRECTORY, dir_fd=root)
        except OSError:
            continue
        try:
            for inner, deeper in _entries(handle):
                if deeper:
                    with contextlib.suppress(OSError):
                        os.rename(inner, f"{_MOVED}{next(names)}", src_dir_fd=handle, dst_dir_fd=root)
                        more = True
                else:
                    _delete(handle, inner)
        finally:
            os.close(handle)
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=root)
    return more


def _entries(directory: int) -> list[tuple[str, bool]]:
    try:
        with os.scandir(directory) as entries:
            return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return []


def _delete(directory: int, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=directory)

"""Which files of a running program were taken to safety: checkpoints, mostly.

`saved.json` in the run's directory tells for each watched directory which state of which file was taken.
Losing it costs taking everything once more. Files are copied before they are taken: the program goes on
writing to its own. What is never taken is among what was found, under a name that no file has.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from clary.runtime.beneath import Unsafe, open_directory, parts
from clary.runtime.jobdir import JobDirectory, write

DEEPEST = 16  # directories
MOST_FILES = 100_000
Stamp = tuple[int, int, int]
"""A file's inode, size and time of change: what differs when it was written to."""


def mark(job: JobDirectory, directory: str) -> None:
    """Count what is in a directory now as saved: it came from where it would go to."""
    _note(job, directory, found(job, directory))


def unsaved(job: JobDirectory, directory: str, *, rested: timedelta) -> bool:
    """Tell whether files changed since they were saved; within `rested` after a save, they did not."""
    with suppress(FileNotFoundError):
        if time.time() - (job.path / "saved.json").stat().st_mtime < rested.total_seconds():
            return False
    return found(job, directory) != _noted(job).get(directory, {})


def save(
    job: JobDirectory, directory: str, keep: Callable[[str, Path], None], *, budget: float
) -> tuple[str, ...]:
    """Let `keep` take a copy of each changed file; after `budget` seconds the rest has to wait.

    Return what is never taken, and why.
    """
    until = time.monotonic() + budget
    known = _noted(job).get(directory, {})
    now = found(job, directory)
    taken = {name: known[name] for name in now if name in known}
    draft = job.path / f".saving-{os.getpid()}"
    never = []
    try:
        for name, stamp in now.items():
            if name.endswith("/"):
                never.append(_never(directory, name))
                taken[name] = stamp
            elif taken.get(name) != stamp and time.monotonic() < until:
                try:
                    with suppress(FileNotFoundError, Unsafe):  # the program took it away meanwhile
                        _copy(job.ml, (*parts(directory), *name.split("/")), draft)
                        keep(name, draft)
                        taken[name] = stamp
                except PermissionError:
                    never.append(f"/opt/ml/{directory}/{name} may not be read by its owner")
                    taken[name] = stamp
    finally:
        draft.unlink(missing_ok=True)
        if job.path.exists():
            _note(job, directory, taken)
    return tuple(never)


def found(job: JobDirectory, directory: str) -> dict[str, Stamp]:
    """Return every regular file in a directory under `ml/`; links are not followed.

    A name with a slash at its end is a directory whose files are not told of; "/": there are too many.
    """
    try:
        handle = open_directory(job.ml, parts(directory))
    except (OSError, Unsafe):
        return {}
    try:
        files: dict[str, Stamp] = {}
        _walk(handle, "", files, 1)
        return files
    finally:
        os.close(handle)


def _walk(handle: int, prefix: str, files: dict[str, Stamp], depth: int) -> None:
    with os.scandir(handle) as entries:
        for entry in entries:
            if len(files) >= MOST_FILES:
                files["/"] = (0, 0, 0)
                return
            with suppress(OSError):  # it went while we looked
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    files[prefix + entry.name] = (status.st_ino, status.st_size, status.st_mtime_ns)
                elif stat.S_ISDIR(status.st_mode):
                    untold = (status.st_ino, 0, 0)
                    if depth >= DEEPEST:
                        files[f"{prefix}{entry.name}/"] = untold
                        continue
                    try:
                        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                        below = os.open(entry.name, flags, dir_fd=handle)
                    except PermissionError:
                        files[f"{prefix}{entry.name}/"] = untold
                        continue
                    try:
                        _walk(below, f"{prefix}{entry.name}/", files, depth + 1)
                    finally:
                        os.close(below)


def _never(directory: str, name: str) -> str:
    """Say why what is told of under a directory's name is not taken."""
    if name == "/":
        return f"/opt/ml/{directory} has more than {MOST_FILES} files; the others are not taken"
    place = f"/opt/ml/{directory}/{name.rstrip('/')}"
    if name.count("/") >= DEEPEST:
        return f"{place[:200]} lies {DEEPEST} directories deep; what is in it is not taken"
    return f"{place} may not be read by its owner"


def _copy(root: Path, names: tuple[str, ...], draft: Path) -> None:
    folder = open_directory(root, names[:-1])
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        source = os.open(names[-1], flags, dir_fd=folder)
    finally:
        os.close(folder)
    draft.unlink(missing_ok=True)
    with os.fdopen(source, "rb") as read, draft.open("xb") as written:
        status = os.fstat(read.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unsafe(f"{names[-1]!r} is no longer a file")
        at = 0
        while at < status.st_size:
            copied = os.sendfile(written.fileno(), read.fileno(), at, status.st_size - at)
            if copied == 0:
                return
            at += copied


def _noted(job: JobDirectory) -> dict[str, dict[str, Stamp]]:
    try:
        document = json.loads((job.path / "saved.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {
        directory: {name: (stamp[0], stamp[1], stamp[2]) for name, stamp in files.items()}
        for directory, files in document.items()
    }


def _note(job: JobDirectory, directory: str, files: dict[str, Stamp]) -> None:
    write(job.path / "saved.json", {**_noted(job), directory: files})

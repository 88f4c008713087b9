"""The finished outputs of a transform's run: a file each, and a line that names it once it is whole.

Whoever dies between the two leaves an output that nobody knows of, and its object is begun again.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import IO

from clary.runtime.jobdir import JobDirectory, sync_directory

OUTPUT = "transformed"  # what a run's outputs call the directory
_INDEX = "index.jsonl"


def folder(job: JobDirectory) -> Path:
    """Return where a run's outputs are; the container does not see it."""
    return job.path / OUTPUT


def outputs(job: JobDirectory) -> dict[str, str]:
    """Return what a run's end says of its finished outputs."""
    return {OUTPUT: str(folder(job))} if (folder(job) / _INDEX).exists() else {}


def finished(directory: Path) -> dict[str, Path]:
    """Return every finished output by the name of its object; a line that was cut off names none."""
    return since(directory, 0, 1 << 62)[0]


def since(directory: Path, offset: int, most: int) -> tuple[dict[str, Path], int]:
    """Return the finished outputs that the ledger names from a byte on, about `most` bytes of it, and the
    byte to go on from."""
    try:
        with (directory / _INDEX).open("rb") as file:
            file.seek(offset)
            text = b"".join(iter(lambda: file.readline() if file.tell() - offset < most else b"", b""))
    except FileNotFoundError:
        return {}, offset
    *lines, rest = text.split(b"\n")
    found = {name: directory / file for name, file in map(json.loads, lines)}
    return found, offset + len(text) - len(rest)


def discard_drafts(job: JobDirectory) -> None:
    """Delete what a driver that is dead left unfinished."""
    whole = set(finished(folder(job)).values())
    for each in folder(job).glob("*"):
        if each.name != _INDEX and each not in whole:
            each.unlink(missing_ok=True)


class Ledger:
    """What the one driver of a run writes."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True, mode=0o700)
        self._directory = directory
        self._index = os.open(directory / _INDEX, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def draft(self, number: int) -> IO[bytes]:
        """Open the output of an object."""
        return (self._directory / f"{number}.out").open("wb")

    def finish(self, number: int, name: str, file: IO[bytes]) -> None:
        """Make an output one that counts: on disk, and then named. OSError where the disk does not take it,
        and it is thrown away."""
        try:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._add(json.dumps([name, f"{number}.out"]).encode() + b"\n")
        except OSError:
            self.discard(number, file)
            raise
        os.fsync(self._index)

    def discard(self, number: int, file: IO[bytes]) -> None:
        """Throw away an output that did not come to its end."""
        with contextlib.suppress(OSError):  # what the disk had no room for
            file.close()
        (self._directory / f"{number}.out").unlink(missing_ok=True)

    def close(self) -> None:
        """Make the names survive a power cut too."""
        os.close(self._index)
        sync_directory(self._directory)

    def _add(self, line: bytes) -> None:
        """Write a whole line or none: half of one would make the next unreadable."""
        before = os.fstat(self._index).st_size
        written = 0
        try:
            while written < len(line):
                written += os.write(self._index, line[written:])
        except OSError:
            if written:
                os.ftruncate(self._index, before)
            raise

"""Content files: named by random id and never by key, complete and on disk before anything points at them."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from clary.core.body import StagedBody
from clary.core.ids import uid
from clary.store.objects import checksums
from clary.store.objects.model import content_path

_READ_ONLY = 0o444


class Step(Protocol):
    """Told the name of each step on the way to disk, in order. Tests die there; otherwise nothing happens."""

    def __call__(self, name: str, /) -> None:
        """Take notice of the step that is about to be taken."""
        ...


def unwatched(_name: str, /) -> None:
    """Take no notice."""


class Content:
    """The files of one directory: `staging/` for bytes on their way in, `content/xx/<id>` for those kept."""

    def __init__(self, root: Path, step: Step) -> None:
        self.staging = root / "staging"
        self.directory = root / "content"
        self._step = step
        for directory in (self.staging, self.directory):
            directory.mkdir(parents=True, exist_ok=True)
        if not self.path("ff").parent.is_dir():  # synced once, not each when it is first needed
            for number in range(256):
                self.path(f"{number:02x}").parent.mkdir(exist_ok=True)
            _fsync_directory(self.directory)

    def path(self, content: str) -> Path:
        """Return where the content of that id lies."""
        return content_path(self.directory, content)

    def write(self, chunks: Iterable[bytes], algorithms: Iterable[str] = ()) -> StagedBody:
        """Stage bytes in a new file, on disk when this returns, with their MD5 and the digests asked for."""
        running = {name: checksums.hasher(name) for name in {"MD5", *algorithms}}
        path, size = self.staging / uid(), 0
        try:
            with path.open("xb", buffering=0) as file:
                for chunk in chunks:
                    _write_all(file.fileno(), chunk)
                    size += len(chunk)
                    for each in running.values():
                        each.update(chunk)
                self._step("fsync staged")
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        digests = {name.lower(): each.digest() for name, each in running.items()}
        return StagedBody(path=path, size=size, digests=digests)

    def write_small(self, body: bytes) -> str:
        """Keep a few bytes in a file that is not synced; the caller keeps them elsewhere until it is."""
        content, target = self._new()
        self._step("write small")
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _READ_ONLY)
        try:
            _write_all(descriptor, body)
        finally:
            os.close(descriptor)
        return content

    def concatenate(self, sources: list[Path]) -> str:
        """Keep one new content made of whole files; inside the kernel, and by reference where it can."""
        staged = self.staging / uid()
        try:
            with staged.open("xb", buffering=0) as target:
                for source in sources:
                    with source.open("rb", buffering=0) as file:
                        _copy_all(file.fileno(), target.fileno())
                self._step("fsync joined")
                os.fsync(target.fileno())
            return self.keep(staged)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise

    def keep(self, staged: Path) -> str:
        """Move a staged file, already on disk, among the contents; return its id. Nothing names it yet."""
        content, target = self._new()
        self._step("chmod")
        staged.chmod(_READ_ONLY)  # also refreshes the change time, which the sweep's guard counts from
        self._step("rename")
        staged.rename(target)
        self._step("fsync directory")
        _fsync_directory(target.parent)
        return content

    def link(self, source: Path) -> str:
        """Keep a finished file, which nobody writes to any more, and leave it where it is."""
        with source.open("rb", buffering=0) as file:
            os.fsync(file.fileno())
        return self.duplicate(source)

    def duplicate(self, source: Path) -> str:
        """Keep the same bytes under a second id: a hard link, or a copy where there can be none."""
        content, target = self._new()
        self._step("link")
        try:
            target.hardlink_to(source)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP):
                raise
            return self.concatenate([source])
        target.chmod(_READ_ONLY)
        self._step("fsync directory")
        _fsync_directory(target.parent)
        return content

    def discard(self, contents: Iterable[str]) -> None:
        """Unlink contents; who has one open or linked keeps reading it."""
        for content in contents:
            self.path(content).unlink(missing_ok=True)

    def sweep(self, named: Callable[[str], set[str]], now: datetime, age: timedelta) -> int:
        """Unlink what a crash left behind and return how many files that were.

        `named` tells which contents of one directory some row names. Younger files than `age` are left alone:
        a live process may be about to name them.
        """
        before = (now - age).timestamp()
        dead = [path for path in self.staging.iterdir() if _older(path, before, modified=True)]
        for directory in sorted(self.directory.iterdir()):
            old = [path for path in directory.iterdir() if _older(path, before, modified=False)]
            if old:
                known = named(directory.name)
                dead += [path for path in old if path.name not in known]
        for path in dead:
            path.unlink(missing_ok=True)
        return len(dead)

    def _new(self) -> tuple[str, Path]:
        content = uid()
        target = self.path(content)
        if not target.parent.is_dir():
            target.parent.mkdir(exist_ok=True)
            _fsync_directory(self.directory)
        return content, target


def chunks(path: Path, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
    """Read a byte range of a file piece by piece; without `length`, to its end."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        left = path.stat().st_size - offset if length is None else length
        while left > 0 and (chunk := file.read(min(checksums.CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _older(path: Path, before: float, *, modified: bool) -> bool:
    # A kept file's change time is that of its rename; an adopted one may have been modified long ago.
    with contextlib.suppress(FileNotFoundError):
        stat = path.stat()
        return (stat.st_mtime if modified else stat.st_ctime) < before
    return False


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _copy_all(source: int, target: int) -> None:
    left = os.fstat(source).st_size
    while left:
        try:
            copied = os.copy_file_range(source, target, left)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            copied = 0
        if not copied:  # Some file systems cannot, and some say so by copying nothing.
            data = os.read(source, checksums.CHUNK)
            _write_all(target, data)
            copied = len(data)
            if not copied:
                raise OSError(errno.EIO, "a source shrank while it was copied")
        left -= copied


def _fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

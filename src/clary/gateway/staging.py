"""A request body on its way to disk: hashed as it arrives, synced before anybody is told of it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from io import FileIO
from pathlib import Path

from clary.core import ids
from clary.core.body import StagedBody
from clary.store.objects import checksums
from clary.wire.message import Headers

_HEADER = "x-amz-checksum-"
_NAMING = ("x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm")


_SLOW = {"md5", "sha1", "sha256", "sha512"}
_WORTH_IT = 64 << 10  # Bytes whose hashing is worth a trip to another thread.
_AHEAD = 8 << 20  # Bytes after which the disk is told to begin, so that less is left for the sync.
_HASHING = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="digest")  # waits for nothing but the CPU
_LIBC, _OFF, _WRITE = ctypes.CDLL(None), ctypes.c_int64, 2  # SYNC_FILE_RANGE_WRITE
Data = bytes | memoryview


def wanted_digests(headers: Headers) -> set[str]:
    """Name the digests an upload needs: md5, the checksums its headers and trailer name, else the default."""
    named = set()
    for name, value in headers:
        if name.startswith(_HEADER):
            named.add(name.removeprefix(_HEADER).upper())
        elif name in _NAMING:
            named.add(value.strip().upper())
        elif name == "x-amz-trailer":
            named.update(part.strip().lower().removeprefix(_HEADER).upper() for part in value.split(","))
    wanted = named.intersection(checksums.ALGORITHMS) or {checksums.DEFAULT}
    if len(headers.get("x-amz-content-sha256") or "") == 64:
        wanted.add("SHA256")
    return wanted | {"MD5"}


class Staging:
    """A file in the object store's staging directory that takes one body. Blocking: call it from a thread."""

    def __init__(self, directory: Path, algorithms: Iterable[str]) -> None:
        self.path = directory / ids.uid()
        self.size = 0
        running = {name.lower(): checksums.hasher(name) for name in {"MD5", *algorithms}}
        self._slow = {name: running[name] for name in running if name in _SLOW}
        self._quick = {name: running[name] for name in running if name not in _SLOW}
        self._file: FileIO | None = None
        self._hashing: list[Future[object]] = []
        self._begun = 0  # bytes that the disk was told to begin with; only `finish` promises anything

    def write(self, data: Data) -> None:
        """Append `data` and carry the digests on."""
        self.begin(data)
        wait(self._hashing)

    def begin(self, data: Data) -> None:
        """Append `data`, while the slow digests are carried on; they read it until the next `begin`."""
        wait(self._hashing)  # a digest takes one block at a time, in order
        if len(data) < _WORTH_IT:
            for slow in self._slow.values():
                slow.update(data)
        else:
            self._hashing = [_HASHING.submit(slow.update, data) for slow in self._slow.values()]
        self._append(data)

    def finish(self) -> StagedBody:
        """Sync the file and hand it over."""
        wait(self._hashing)
        file = self._file or FileIO(self.path, "x")
        os.fsync(file.fileno())
        file.close()
        digests = {name: running.digest() for name, running in (*self._slow.items(), *self._quick.items())}
        return StagedBody(path=self.path, size=self.size, digests=digests)

    def discard(self) -> None:
        """Forget the body; harmless once somebody has taken the file."""
        if self._file:
            self._file.close()
            self.path.unlink(missing_ok=True)

    def _append(self, data: Data) -> None:
        file = self._file = self._file or FileIO(self.path, "x")
        before = self.size
        self.size += len(data)
        for quick in self._quick.values():
            quick.update(data)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        if before // _AHEAD != self.size // _AHEAD:
            begun = self._begun
            self._begun = self.size
            _LIBC.sync_file_range(file.fileno(), _OFF(begun), _OFF(self.size - begun), _WRITE)

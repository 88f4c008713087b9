"""A request body on its way to disk: hashed as it arrives, synced before anybody is told of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from clary.core import ids
from clary.core.body import StagedBody
from clary.store.objects import checksums
from clary.wire.message import Headers

_HEADER = "x-amz-checksum-"
_NAMING = ("x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm")


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
        self._md5 = checksums.hasher("MD5")
        self._digests = {name.lower(): checksums.hasher(name) for name in algorithms if name != "MD5"}
        self._file: FileIO | None = None

    def write(self, data: bytes) -> None:
        """Append `data` and carry the digests on."""
        self.digest(data)
        self.append(data)

    def digest(self, data: bytes) -> None:
        """Carry on the MD5, the slowest digest, which may be done while the same data are appended."""
        self._md5.update(data)

    def append(self, data: bytes) -> None:
        """Append `data` and carry on all digests but the MD5."""
        file = self._file = self._file or FileIO(self.path, "x")
        self.size += len(data)
        for digest in self._digests.values():
            digest.update(data)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]

    def finish(self) -> StagedBody:
        """Sync the file and hand it over."""
        file = self._file or FileIO(self.path, "x")
        os.fsync(file.fileno())
        file.close()
        digests = {name: digest.digest() for name, digest in (*self._digests.items(), ("md5", self._md5))}
        return StagedBody(path=self.path, size=self.size, digests=digests)

    def discard(self) -> None:
        """Forget the body; harmless once somebody has taken the file."""
        if self._file:
            self._file.close()
            self.path.unlink(missing_ok=True)

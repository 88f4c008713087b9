"""A request body on its way to disk: hashed as it arrives, synced before anybody is told of it."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from clary.core import ids
from clary.core.body import StagedBody
from clary.wire.message import Headers

_HASHES = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
_CHECKSUM_HEADER = "x-amz-checksum-"


def wanted_digests(headers: Headers) -> frozenset[str]:
    """Name the digests a request needs: always md5, then what its checksum headers and trailer name."""
    wanted = {"md5"}
    for name, value in headers:
        if name.startswith(_CHECKSUM_HEADER):
            wanted.add(name.removeprefix(_CHECKSUM_HEADER))
        elif name in ("x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm"):
            wanted.add(value.strip().lower())
        elif name == "x-amz-trailer":
            wanted.update(part.strip().lower().removeprefix(_CHECKSUM_HEADER) for part in value.split(","))
        elif name == "x-amz-content-sha256" and len(value) == 64:
            wanted.add("sha256")
    return frozenset(wanted & _known())


class Staging:
    """A file in the object store's staging directory that takes one body. Blocking: call it from a thread."""

    def __init__(self, directory: Path, digests: Iterable[str]) -> None:
        self.path = directory / ids.uid()
        self.size = 0
        self._digests = {name: _digest(name) for name in digests}
        self._file = self.path.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        """Append `data` and carry the digests on."""
        self.size += len(data)
        for digest in self._digests.values():
            digest.update(data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def finish(self) -> StagedBody:
        """Sync the file and hand it over."""
        os.fsync(self._file.fileno())
        self._file.close()
        digests = {name: digest.digest() for name, digest in self._digests.items()}
        return StagedBody(path=self.path, size=self.size, digests=digests)

    def discard(self) -> None:
        """Forget the body; harmless once somebody has renamed it."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Checksum:
    """A checksum that is a running integer, in the shape of a hash."""

    def __init__(self, step: Callable[[bytes, int], int], width: int) -> None:
        self._step, self._width, self._value = step, width, 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width, "big")


def _known() -> frozenset[str]:
    return frozenset(_HASHES) | {"crc32", "crc32c", "crc64nvme"}


def _digest(name: str) -> _Digest:
    if name in _HASHES:
        return hashlib.new(name, usedforsecurity=False)
    if name == "crc32":
        return _Checksum(zlib.crc32, 4)
    from awscrt import checksums  # type: ignore[import-untyped]  # has none; 40 ms, and only uploads need it

    if name == "crc32c":
        return _Checksum(checksums.crc32c, 4)
    return _Checksum(checksums.crc64nvme, 8)

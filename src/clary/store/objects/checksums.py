"""The checksums S3 knows: computed over files, joined over parts, compared with what a caller claims."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal, Protocol

from clary.store.objects.errors import refused

CHUNK = 1 << 20
Kind = Literal["FULL_OBJECT", "COMPOSITE"]

DEFAULT = "CRC64NVME"
"""What S3 computes when a caller names no algorithm."""


@dataclass(frozen=True)
class Checksum:
    """An object's checksum as the wire spells it: base64, and `-<parts>` after it when composite."""

    algorithm: str
    value: str
    kind: Kind = "FULL_OBJECT"


class Hasher(Protocol):
    """A running digest."""

    def update(self, data: bytes | memoryview, /) -> object:
        """Take in more bytes."""
        ...

    def digest(self) -> bytes:
        """Return the raw digest of everything so far."""
        ...


class _Crc:
    def __init__(self, step: Callable[[bytes | memoryview, int], int], width: int) -> None:
        self._step, self._width, self._value = step, width, 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width, "big")


class _XxHash:
    def __init__(self, kind: str) -> None:
        self._hasher = getattr(_crt().XXHash, f"new_{kind}")()

    def update(self, data: bytes | memoryview, /) -> None:
        self._hasher.update(bytes(data))

    def digest(self) -> bytes:
        return bytes(self._hasher.finalize())


def _crt() -> ModuleType:
    from awscrt import checksums  # type: ignore[import-untyped]  # ships no types; 40 ms, only uploads need it

    module: ModuleType = checksums
    return module


_HASHERS: Mapping[str, Callable[[], Hasher]] = {
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "CRC32": lambda: _Crc(zlib.crc32, 4),
    "CRC32C": lambda: _Crc(_crt().crc32c, 4),
    "CRC64NVME": lambda: _Crc(_crt().crc64nvme, 8),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "XXHASH64": lambda: _XxHash("xxhash64"),
    "XXHASH3": lambda: _XxHash("xxhash3_64"),
    "XXHASH128": lambda: _XxHash("xxhash3_128"),
}
_JOINABLE = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8}
ALGORITHMS = tuple(_HASHERS)


def hasher(algorithm: str) -> Hasher:
    """Return a fresh digest of that algorithm, named as the wire names it."""
    return _HASHERS[algorithm]()


def member(algorithm: str) -> str:
    """Return the request and response member that carries this algorithm's checksum."""
    return f"Checksum{algorithm}"


def default_kind(algorithm: str) -> Kind:
    """Return how S3 makes a multipart object's checksum when the caller does not say."""
    return "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"


def joinable(algorithm: str) -> bool:
    """Say whether the checksum of a whole follows from those of its parts."""
    return algorithm in _JOINABLE


def of_file(path: Path, algorithms: Iterable[str]) -> dict[str, bytes]:
    """Return the raw digests of a file, all made in one pass, by lower-case name."""
    running = {name: hasher(name) for name in algorithms}
    if running:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                for each in running.values():
                    each.update(chunk)
    return {name.lower(): each.digest() for name, each in running.items()}


def of_bytes(data: bytes, algorithms: Iterable[str]) -> dict[str, bytes]:
    """Return the raw digests of `data` by lower-case name."""
    digests = {}
    for name in algorithms:
        one = hasher(name)
        one.update(data)
        digests[name.lower()] = one.digest()
    return digests


def encode(digest: bytes) -> str:
    """Return a digest as the wire spells it."""
    return base64.b64encode(digest).decode()


def decode(algorithm: str, text: str) -> bytes:
    """Return the raw digest a caller claims; one that cannot be a digest of `algorithm` is refused."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != len(hasher(algorithm).digest()):
        if algorithm == "MD5":
            raise refused(
                "InvalidDigest", "The Content-MD5 you specified was invalid.", **{"Content-MD5": text}
            )
        header = f"x-amz-checksum-{algorithm.lower()}"
        raise refused("InvalidRequest", f"Value for {header} header is invalid.")
    return raw


def joined(algorithm: str, parts: Iterable[tuple[bytes, int]]) -> str:
    """Return the whole's checksum from each part's raw digest and size, in order."""
    width = _JOINABLE[algorithm]
    combine = getattr(_crt(), f"combine_{algorithm.lower()}")
    total = 0
    for digest, size in parts:
        total = combine(total, int.from_bytes(digest, "big"), size)
    return encode(total.to_bytes(width, "big"))


def composite(algorithm: str, digests: list[bytes]) -> str:
    """Return the checksum of the parts' checksums, with their count."""
    over = of_bytes(b"".join(digests), [algorithm])[algorithm.lower()]
    return f"{encode(over)}-{len(digests)}"


def etag_of_parts(digests: list[bytes]) -> str:
    """Return a multipart object's ETag: the MD5 of the parts' MD5s, and their count."""
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"

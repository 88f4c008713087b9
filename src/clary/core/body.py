"""Bodies too large to hold in memory, on their way in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class StagedBody:
    """A request body on disk, in the store's staging directory and fsynced; whoever takes it renames it.

    `digests` holds raw digests by lower-case name: always `md5`, plus what the request asked for among
    `crc32`, `crc32c`, `crc64nvme`, `sha1`, `sha256`.
    """

    path: Path
    size: int
    digests: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FileBody:
    """A response body that is a byte range of a file; the gateway streams it."""

    path: Path
    offset: int
    length: int

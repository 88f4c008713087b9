"""What the object store tells about buckets, objects and uploads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from clary.core.document import Document
from clary.store.objects.checksums import Checksum
from clary.store.objects.errors import refused

KEY_LIMIT = 1024
NULL = "null"
"""The version id of what was put while its bucket did not keep versions."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """One bucket; `settings` is what its configuration calls kept, `id` what its objects are filed under."""

    id: int
    name: str
    account: str
    region: str
    created: datetime
    settings: Document = field(default_factory=dict)

    @property
    def versioning(self) -> str | None:
        """`Enabled`, `Suspended`, or None while it never was."""
        status: str | None = self.settings.get("Versioning")
        return status


@dataclass(frozen=True)
class PartInfo:
    """One part a finished object was made of; `checksum` is base64, or empty."""

    number: int
    size: int
    checksum: str = ""


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """One object as it was when asked. The file at `path` never changes and is never written to.

    `attributes` holds wire members (ContentType, Metadata, StorageClass, Tags, …); `etag` has no quotes;
    `parts` is empty for an object put in one piece, and in listings. `version` is `null` for what was put
    while the bucket did not keep versions.
    """

    bucket: str
    key: str
    content: str
    directory: Path
    size: int
    etag: str
    modified: datetime
    attributes: Document = field(default_factory=dict)
    checksum: Checksum | None = None
    parts: tuple[PartInfo, ...] = ()
    version: str = NULL

    @property
    def path(self) -> Path:
        """Where the content lies, below the `directory` of all contents."""
        return content_path(self.directory, self.content)


@dataclass(frozen=True)
class Marker:
    """What stands at a key, or stood there once, in place of an object that was deleted."""

    key: str
    version: str
    modified: datetime


@dataclass(frozen=True)
class Removal:
    """What a deletion did: the version it removed, or the marker it set; None where versions are not kept."""

    version: str | None = None
    marker: bool = False
    existed: bool = False


@dataclass(frozen=True)
class Listing:
    """One page of a listing. `next_after`, given back as `start_after`, continues it."""

    objects: list[ObjectInfo]
    prefixes: list[str]
    truncated: bool
    next_after: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One uploaded part of an upload in flight."""

    number: int
    content: str
    size: int
    etag: str
    modified: datetime
    digest: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One multipart upload in flight. `named` says that the caller chose the algorithm."""

    id: str
    bucket: str
    key: str
    initiated: datetime
    attributes: Document
    algorithm: str
    kind: str
    named: bool


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A part as CompleteMultipartUpload names it: its ETag, and any checksums claimed, by algorithm."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


def content_path(directory: Path, content: str) -> Path:
    """Return where a content lies below the directory of all contents."""
    return directory / content[:2] / content


def encode_key(key: str) -> bytes:
    """Return the key as it is filed and compared: its UTF-8 bytes, 1 to 1,024 of them."""
    try:
        raw = key.encode()
    except UnicodeEncodeError as error:
        raise refused("InvalidURI", "The key is not valid UTF-8.") from error
    if not raw:
        raise refused("InvalidArgument", "A key must have at least one character.", ArgumentName="Key")
    if len(raw) > KEY_LIMIT:
        raise refused("KeyTooLongError", "Your key is too long", Size=len(raw), MaxSizeAllowed=KEY_LIMIT)
    return raw

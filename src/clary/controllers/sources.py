"""Which objects a data source of a job names, by a prefix or a manifest, and which of them are one host's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from clary.controllers.s3 import DataFault, Found, RoleObjects
from clary.core.document import Document

Share = tuple[int, int]
"""Which host of how many."""


def found(source: Document, objects: RoleObjects) -> Sequence[Found]:
    """Return every object of an S3 source, in its order."""
    if source["S3DataType"] == "ManifestFile":
        return list(listed(source["S3Uri"], objects))
    return objects.found(source["S3Uri"])


def share_of(source: Document, share: Share) -> Share:
    """Return the part of the objects that a host is given: all of them, unless they are shared out."""
    return share if source.get("S3DataDistributionType") == "ShardedByS3Key" else (0, 1)


def listed(uri: str, objects: RoleObjects) -> Iterator[Found]:
    """Yield what a manifest lists: a prefix, and what is to be appended to it."""
    prefix, *names = _manifest(uri, objects.one(uri))
    for name in names:
        yield Found(name=_relative(name, uri), path=objects.one(prefix + name), uri=prefix + name)


def _manifest(uri: str, path: Path) -> list[str]:
    """Return a manifest's prefix and suffixes; evidence/training-input.md."""
    form = 'it must be a JSON array like [{"prefix": "s3://bucket/folder/"}, "file-1", "file-2"]'
    try:
        entries = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataFault(f"Data download failed:the manifest {uri} is not JSON ({error}); {form}") from error
    first = entries[0] if isinstance(entries, list) and entries else None
    prefix = first.get("prefix") if isinstance(first, dict) else None
    if not isinstance(prefix, str) or not prefix.startswith("s3://"):
        raise DataFault(f"Data download failed:the manifest {uri} does not begin with a prefix; {form}")
    if len(entries) == 1:
        raise DataFault(f"Data download failed:the manifest {uri} lists no objects after its prefix; {form}")
    for number, name in enumerate(entries[1:], 2):
        if not isinstance(name, str) or not name:
            raise DataFault(
                f"Data download failed:entry {number} of the manifest {uri} is {name!r}; each entry after "
                "the first is the rest of a key, as a string"
            )
    return [prefix, *entries[1:]]


def _relative(name: str, uri: str) -> str:
    """Return where an entry of a manifest lies below its channel."""
    parts = [part for part in name.split("/") if part]
    if not parts or name.endswith("/") or any(part in (".", "..") or "\0" in part for part in parts):
        raise DataFault(f"Data download failed:the entry {name!r} of the manifest {uri} does not name a file")
    return "/".join(parts)

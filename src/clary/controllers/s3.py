"""Objects on their way into containers and out of them: content files in, packed archives out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from clary.core.errors import ApiError
from clary.runtime.spec import Input
from clary.store.objects import ObjectInfo, Objects


class DataFault(Exception):
    """The caller's data is not what the request says; the text becomes a FailureReason."""


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of `s3://bucket/key`."""
    parts = urlsplit(uri, allow_fragments=False)
    return parts.netloc, uri.split("/", 3)[3] if uri.count("/") > 2 else ""


def place(objects: Objects, uri: str, directory: str) -> tuple[Input, ...]:
    """Place every object under a prefix in `directory`, as SageMaker lays a channel out."""
    inputs = tuple(
        Input(source=info.path, target=f"{directory}/{name}")
        for info, name in _named(objects, uri, directory)
    )
    if not inputs:
        bucket, prefix = split(uri)
        raise DataFault(f"Data download failed:S3 key: {prefix} matched no files on s3://{bucket}/")
    taken = {each.target for each in inputs}
    for each in inputs:
        parents = Path(each.target).parents
        if clash := next((str(parent) for parent in parents if str(parent) in taken), None):
            raise DataFault(
                f"Data download failed:{uri} holds both an object {clash!r} and one below that name"
            )
    return inputs


def one(objects: Objects, uri: str) -> Path:
    """Return the content file of one object."""
    bucket, key = split(uri)
    try:
        return objects.get(bucket, key).path
    except ApiError as error:
        raise DataFault(f"Data download failed:{uri}: {error.message}") from error


def keep(objects: Objects, uri: str, path: Path) -> None:
    """Put a packed archive into the store, so that doing it twice gives the same one object."""
    bucket, key = split(uri)
    staged = objects.staging / f"collect-{path.parent.parent.name}-{path.name}"
    staged.unlink(missing_ok=True)
    try:
        os.link(path, staged)  # the run keeps its own name for the file until the run is removed
    except OSError:
        shutil.copyfile(path, staged)  # another file system
    objects.adopt(bucket, key, staged)


def _named(objects: Objects, uri: str, directory: str) -> Iterator[tuple[ObjectInfo, str]]:
    bucket, prefix = split(uri)
    try:
        for info in objects.each(bucket, prefix):
            if info.key.endswith("/"):
                continue  # a folder as the console makes them
            yield info, _below(info.key, prefix, uri)
    except ApiError as error:
        raise DataFault(f"Data download failed:{uri}: {error.message}") from error


def _below(key: str, prefix: str, uri: str) -> str:
    """Return where a key lies below a prefix: `data/train` is a folder, `part-` the start of names."""
    folder = prefix if prefix.endswith("/") else f"{prefix}/"
    base = len(folder) if prefix and key.startswith(folder) else prefix.rfind("/") + 1
    parts = [part for part in key[base:].split("/") if part]
    if any(part in (".", "..") or "\0" in part for part in parts):
        raise DataFault(f"Data download failed:the key {key!r} under {uri} does not name a path below it")
    return "/".join(parts)

"""The object store as a job's role sees it: content files into containers, packed archives out of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clary.core.errors import ApiError
from clary.runtime.spec import Input
from clary.store.objects import ObjectInfo, Objects
from clary.store.objects.conditions import Writing

Allowed = Callable[[str, str, str], bool]
"""Whether a role may do something: (role ARN, action, resource ARN). An absent role raises an ApiError."""


class DataFault(Exception):
    """The caller's data is not what the request says; the text becomes a FailureReason."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """One object of a channel: its name below the channel, its content file, and where it lies."""

    name: str
    path: Path
    uri: str


@dataclass(frozen=True)
class RoleObjects:
    """The objects that a role may read and write."""

    objects: Objects
    allowed: Allowed
    role: str

    def place(self, uri: str, directory: str) -> tuple[Input, ...]:
        """Place every object under a prefix in `directory`, as SageMaker lays a channel out."""
        return self.placed(uri, self.found(uri), directory)

    def found(self, uri: str, *, needed: bool = True) -> tuple[Found, ...]:
        """Return every object under a prefix, in the order of their keys; there must be some if `needed`."""
        bucket, prefix = split(uri)
        found = tuple(
            Found(name=_below(info.key, prefix, uri), path=info.path, uri=f"s3://{bucket}/{info.key}")
            for info in self._under(uri, bucket, prefix)
        )
        if needed and not found:  # evidence/training-data-errors.md
            raise DataFault(f"Data download failed:S3 key: {prefix} matched no files on s3://{bucket}/")
        return found

    def placed(self, uri: str, found: Sequence[Found], directory: str) -> tuple[Input, ...]:
        """Place objects in `directory`; one that is a folder to another is a fault."""
        inputs = tuple(Input(source=each.path, target=f"{directory}/{each.name}") for each in found)
        taken = {each.target for each in inputs}
        for each in inputs:
            above = (str(parent) for parent in Path(each.target).parents)
            if clash := next((parent for parent in above if parent in taken), None):
                name = clash.removeprefix(f"{directory}/")
                raise DataFault(
                    f"Data download failed:{uri} has an object {name!r} and others below that name. A file "
                    "cannot be a folder too: rename one of them"
                )
        return inputs

    def one(self, uri: str) -> Path:
        """Return the content file of one object."""
        bucket, key = split(uri)
        self._need("s3:GetObject", f"{bucket}/{key}", "Data download failed")
        try:
            return self.objects.get(bucket, key).path
        except ApiError as error:
            raise DataFault(
                f"Data download failed:{uri}: {error.message} Upload it, or correct what names it."
            ) from error

    def keep(self, uri: str, path: Path) -> None:
        """Put a finished file into the store; doing it twice leaves the same one object."""
        bucket, key = split(uri)
        self._need("s3:PutObject", f"{bucket}/{key}", "Artifact upload failed")
        try:
            if self._is_there(bucket, key, path):
                return
            staged = self._staged(path)
            try:
                self.objects.adopt(bucket, key, staged)
            finally:
                staged.unlink(missing_ok=True)
        except ApiError as error:
            raise DataFault(f"Artifact upload failed:{_shown(uri)}: {_cure(error)}") from error
        except PermissionError as error:
            raise DataFault(
                f"Artifact upload failed:{_shown(uri)}: the program's file may not be read. Let the program "
                "leave it readable to its owner, and repeat the job."
            ) from error

    def _is_there(self, bucket: str, key: str, path: Path) -> bool:
        """Tell whether an object is made of this very file: it was put before a controller's death."""
        present = self.objects.find(bucket, key)
        with contextlib.suppress(FileNotFoundError):
            return present is not None and present.path.samefile(path)
        return False

    def _staged(self, path: Path) -> Path:
        """Give a file a second name, by which the store may take it: the run keeps its own until removed."""
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
        staged = self.objects.staging / f"collect-{digest}"
        staged.unlink(missing_ok=True)
        try:
            os.link(path, staged)
        except OSError:
            shutil.copyfile(path, staged)  # another file system
        return staged

    def take_back(self, uri: str, path: Path) -> None:
        """Delete what `keep` put from that file, if it is still there and the role may delete it."""
        bucket, key = split(uri)
        with contextlib.suppress(ApiError, DataFault, FileNotFoundError):
            self._need("s3:DeleteObject", f"{bucket}/{key}", "Artifact removal failed")
            present = self.objects.get(bucket, key)
            if present.path.samefile(path):
                self.objects.delete(bucket, key, Writing(if_match=present.etag))

    def _under(self, uri: str, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        self._need("s3:ListBucket", bucket, "Data download failed")
        try:
            for info in self.objects.each(bucket, prefix):
                if not info.key.endswith("/"):  # a folder as the console makes them
                    self._need("s3:GetObject", f"{bucket}/{info.key}", "Data download failed")
                    yield info
        except ApiError as error:
            raise DataFault(f"Data download failed:{uri}: {error.message}") from error

    def _need(self, action: str, resource: str, failed: str) -> None:
        try:
            allowed = self.allowed(self.role, action, f"arn:aws:s3:::{resource}")
        except ApiError as error:
            raise DataFault(f"SageMaker was unable to assume the role '{self.role}'") from error
        if not allowed:
            raise DataFault(
                f"{failed}:the role {self.role} is not authorized to perform: {action} "
                f"on resource: arn:aws:s3:::{_shown(resource)}. Add a policy to the role that allows it."
            )


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _shown(uri: str) -> str:
    """Return an address as text that can be stored: file names need not be UTF-8."""
    return uri.encode("utf-8", "backslashreplace").decode()


def _cure(error: ApiError) -> str:
    """Return why a file is not taken in, and what to do about it."""
    said = error.message.rstrip(".")
    if error.code == "NoSuchBucket":
        return f"{said}. Create the bucket again, or name another to write to, and repeat the job."
    if error.code in ("InvalidURI", "KeyTooLongError"):
        return f"{said}. Let the program give the file another name, and repeat the job."
    return f"{said}. Mend that, and repeat the job."


def _below(key: str, prefix: str, uri: str) -> str:
    """Return where a key lies below a prefix: `data/train` is a folder, `part-` the start of names."""
    # evidence/s3-prefix-layout.md
    folder = prefix if prefix.endswith("/") else f"{prefix}/"
    base = len(folder) if prefix and key.startswith(folder) else prefix.rfind("/") + 1
    parts = [part for part in key[base:].split("/") if part]
    if not parts or any(part in (".", "..") or "\0" in part for part in parts):
        raise DataFault(f"Data download failed:the key {key!r} under {uri} does not name a path below it")
    return "/".join(parts)

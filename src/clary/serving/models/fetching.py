"""Models on their way from S3 into a container's directory: found, allowed, unpacked once for each object.

A directory is named by the object's content, so an object that was replaced is another directory, and what
is loaded from one never changes. Half an archive is told from a whole one by a mark beside the container's
directory, which it does not see. Several gateway processes take turns by a lock on that mark's name.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clary.core.errors import ApiError, TryAgain
from clary.runtime.beneath import Unsafe, open_directory
from clary.runtime.jobdir import JobDirectory
from clary.runtime.removal import remove_tree
from clary.runtime.unpack import KEPT_FREE, unpack
from clary.serving.connection import HostLost
from clary.serving.refusal import Refused, ServiceUnavailable
from clary.store.objects import ObjectInfo, Objects

AT_ONCE = 4
SCARCE = 16 << 30
"""Bytes left on the disk below which it is looked for what can be deleted."""

_GROWTH = 4  # how much larger than the archive a model is taken to be
_SHOWN = "/opt/ml"
_FULL = "the disk under CLARY_HOME is full; free some space"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prefix:
    """Where a variant's models lie, who may read them, and whether they stay loaded."""

    uri: str
    role: str
    kept: bool = True

    def uri_of(self, target: str) -> str:
        """Return the address of one model."""
        return f"{self.uri.rstrip('/')}/{target.lstrip('/')}"


class Fetching:
    """Fetches for one gateway process, beside its event loop."""

    def __init__(self, objects: Objects, allowed: Callable[[str, str, str], bool], jobs: Path) -> None:
        self._objects, self._allowed, self._jobs = objects, allowed, jobs
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="model")

    async def fetch(self, uid: str, prefix: Prefix, target: str, loaded: Collection[str] | None) -> str:
        """Return where a run's container finds a model.

        `loaded` are the places of models in use; all others may be deleted where the disk is full.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._fetch, uid, prefix, target, loaded)

    def is_full(self) -> bool:
        """Say whether models may have to be deleted before others fit the disk."""
        return shutil.disk_usage(self._jobs).free < SCARCE

    def marks(self, uid: str) -> Path:
        """Return the directory of a run's marks."""
        return self._jobs / uid / "models"

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, uid: str, prefix: Prefix, target: str, loaded: Collection[str] | None) -> str:
        uri = prefix.uri_of(target)
        info = self._find(uri, prefix.role)
        job = JobDirectory(self._jobs / uid)
        launch = job.launch()
        if launch is None:
            raise HostLost(f"the host {uid} is gone")
        shown = str(job.ml) if launch.sandbox == "process" else _SHOWN
        name = hashlib.sha256(f"{info.bucket}/{info.key}\0{info.content}".encode()).hexdigest()[:32]
        try:
            self._place(job, name, info, uri, loaded)
        except FileNotFoundError as error:
            if not job.path.exists():
                raise HostLost(f"the host {uid} is gone") from error
            raise _not_there(uri, "It was deleted just now.") from error
        except OSError as error:
            _log.warning("the model %s of %s could not be put in place: %s", uri, uid, error)
            why = _FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
            raise ServiceUnavailable(
                f"The model {uri} could not be put in place: {why}. What there was of it was removed."
            ) from error
        return f"{shown}/models/{name}/model"

    def _find(self, uri: str, role: str) -> ObjectInfo:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            if not self._allowed(role, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"):
                raise _not_there(uri, f"The role {role} is not authorized to perform: s3:GetObject.")
            return self._objects.get(bucket, key)
        except Refused:
            raise
        except TryAgain as error:
            raise ServiceUnavailable(f"The model {uri} could not be looked up just now: {error}") from error
        except ApiError as error:
            raise _not_there(uri, error.message) from error

    def _place(
        self, job: JobDirectory, name: str, info: ObjectInfo, uri: str, loaded: Collection[str] | None
    ) -> None:
        marks = self.marks(job.uid)
        marks.mkdir(exist_ok=True)
        whole = marks / f"{name}.whole"
        with _turn(marks / f"{name}.lock"):
            if whole.exists():
                os.utime(whole)
                return
            _remove(job, name)
            if loaded is not None:
                self._make_room(job, info.size * _GROWTH, loaded)
            try:
                unpack(info.path, job.ml, f"models/{name}/model", stopping=lambda: None)
                whole.touch()
            except Unsafe as error:
                _remove(job, name)
                raise Refused(  # evidence/endpoint-failures.md
                    f'Failed to extract model data archive from URL "{uri}". Please ensure that the object '
                    f"located at the URL is a valid tar.gz archive. ({error})"
                ) from error
            except OSError:
                _remove(job, name)  # nothing else would: what has no mark is not looked for
                raise

    def _make_room(self, job: JobDirectory, size: int, loaded: Collection[str]) -> None:
        """Delete what was not asked for for longest and is not loaded, as far as the disk needs it."""
        in_use = {Path(url).parent.name for url in loaded}
        marks = sorted(self.marks(job.uid).glob("*.whole"), key=lambda path: path.stat().st_mtime)
        for mark in marks:
            if shutil.disk_usage(job.path).free >= size + 2 * KEPT_FREE:
                return
            if mark.stem not in in_use:
                mark.unlink(missing_ok=True)
                _remove(job, mark.stem)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait until no other process is at it; the kernel ends the turn of one that is killed."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _remove(job: JobDirectory, name: str) -> None:
    """Delete one model's directory; a link that the container put in the way is not followed."""
    try:
        models = open_directory(job.ml, ("models",), create=True)
    except Unsafe as error:
        raise ServiceUnavailable(f"The container has no directory for models any more: {error}") from error
    try:
        remove_tree(Path(f"/proc/self/fd/{models}/{name}"))
    finally:
        os.close(models)


def _not_there(uri: str, why: str) -> Refused:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return Refused(
        f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object "
        f"located at the URL and that the role passed to CreateModel has permissions to download the model. "
        f"({why})"
    )

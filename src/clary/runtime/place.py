"""Puts a run's inputs under its /opt/ml: large files are shown read-only, small ones are copied."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from clary.runtime.beneath import Unsafe, create_file, open_directory, parts
from clary.runtime.jobdir import JobDirectory, tag
from clary.runtime.spec import Mount, RunSpec
from clary.runtime.unpack import unpack

COPIED_UP_TO = 1 << 20  # bytes; a copy may be rewritten and made executable, as on AWS
MOST_BINDS = 512  # mounts of one sandbox, whose start grows with their square; the smaller rest is copied
STANDARD = ("input/config", "input/data", "model", "output/data", "code", "checkpoints")
_FICLONE = 0x40049409


class Interrupted(Exception):
    """Somebody asked the run to stop while its inputs were being placed."""


class NoSpace(Exception):
    """The disk is too full for the inputs; the message says what is needed."""


def hold(job: JobDirectory, spec: RunSpec) -> None:
    """Link every input into the job's directory, so that deleting an object later takes nothing from
    the run.
    """
    job.inputs.mkdir(exist_ok=True)
    for number, item in enumerate(spec.inputs):
        _link(item.source, job.inputs / str(number))
    for pipe in spec.pipes:
        for source in {piece.source for group in pipe.groups for piece in group if piece.source}:
            _link(source, held(job, source))
    for each in spec.transform.items if spec.transform else ():
        _link(each.source, held(job, each.source))


def held(job: JobDirectory, source: Path) -> Path:
    """Return where the job's directory holds what a pipe streams or a transform sends."""
    return job.inputs / f"pipe-{tag(str(source))}"


def place(
    job: JobDirectory, spec: RunSpec, *, bind: bool, stopping: Callable[[], bool]
) -> list[tuple[Path, str]]:
    """Write files and inputs under `ml/`; return the files that the sandbox shall show there instead."""
    for name in (*STANDARD, *spec.saved, *(output.directory for output in spec.outputs)):
        os.close(open_directory(job.ml, parts(name), create=True))
    for name, text in spec.files.items():
        with os.fdopen(create_file(job.ml, name), "w", encoding="utf-8") as file:
            file.write(text)
    for mount in spec.mounts:
        os.close(_mounted(mount))
        os.close(open_directory(job.ml, parts(mount.target), create=True))
    shown = _shown(job, spec) if bind else set()
    binds = []
    for number, item in enumerate(spec.inputs):
        if stopping():
            raise Interrupted
        link = job.inputs / str(number)
        if item.unpack:
            unpack(link, job.ml, item.target, stopping=_raising(stopping))
        elif number in shown:
            names = parts(item.target)
            os.close(open_directory(job.ml, names[:-1], create=True))
            binds.append((link.resolve(), "/".join(names)))
        else:
            _copy(link, job.ml, item.target)
    return binds


def _mounted(mount: Mount) -> int:
    """Open a directory of a file system; a link on the way, which a job may have made, is refused."""
    try:
        return open_directory(mount.root, parts(mount.path))
    except OSError as error:
        raise Unsafe(f"the directory {mount.path!r} of the file system cannot be opened: {error}") from error


def _link(source: Path, link: Path) -> None:
    try:
        os.link(source, link)
    except FileExistsError:
        return
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        link.unlink(missing_ok=True)
        link.symlink_to(source)


def _shown(job: JobDirectory, spec: RunSpec) -> set[int]:
    sizes = {
        number: (job.inputs / str(number)).stat().st_size
        for number, item in enumerate(spec.inputs)
        if not item.unpack and not item.writable
    }
    large = sorted((n for n, size in sizes.items() if size > COPIED_UP_TO), key=lambda n: -sizes[n])
    return set(large[:MOST_BINDS])


def _copy(source: Path, root: Path, target: str) -> None:
    with source.open("rb") as read, os.fdopen(create_file(root, target), "wb") as written:
        with contextlib.suppress(OSError):
            fcntl.ioctl(written.fileno(), _FICLONE, read.fileno())
            return
        size, done = os.fstat(read.fileno()).st_size, 0
        while done < size:
            copied = os.sendfile(written.fileno(), read.fileno(), done, size - done)
            if copied == 0:
                break
            done += copied


def _raising(stopping: Callable[[], bool]) -> Callable[[], None]:
    def check() -> None:
        if stopping():
            raise Interrupted

    return check

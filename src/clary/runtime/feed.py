"""Feeds a run's named pipes: `python -m clary.runtime.feed DIRECTORY`, a child of the run's shim.

A pipe holds no more than the kernel's buffer, so a slow program slows the feeding down, and nothing is held
in memory. The pipe of an epoch is there before the one before it ends; its name goes when it was read, or
when its reader left. A program that reads no pipe is not waited for: the feeder ends with the run. What
cannot be fed is written to standard output, and the shim ends the run with it.
"""

from __future__ import annotations

import ctypes
import fcntl
import gzip
import os
import random
import signal
import stat
import struct
import sys
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from clary.runtime.beneath import Unsafe, open_directory
from clary.runtime.jobdir import JobDirectory
from clary.runtime.place import held
from clary.runtime.spec import Piece, Pipe

Item = TypeVar("Item")

MAGIC = 0xCED7230A  # of a RecordIO record
LONGEST = (1 << 29) - 4  # bytes of a record's part: its length has 29 bits, the other three number the parts
_BUFFER = 1 << 20  # of a pipe, which the kernel may refuse
_CHUNK = 1 << 20
_FOLDER = ("input", "data")
_PR_SET_PDEATHSIG = 1


def of_epoch(items: Sequence[Item], seed: int | None, epoch: int, share: tuple[int, int]) -> Sequence[Item]:
    """Return what one host is given in one epoch: everything in the order of that epoch, then its part."""
    order = list(items)
    if seed is not None:
        random.Random(f"{seed}-{epoch}").shuffle(order)  # noqa: S311 - an order, not a secret
    return split(order, *share)


def split(items: Sequence[Item], number: int, of: int) -> Sequence[Item]:
    """Return the part of host `number` of `of`: every object is one host's, and no host has two more than
    another.
    """
    return items[number::of]


def lay(root: Path, channel: str, epoch: int) -> None:
    """Make the pipe of an epoch, for the program to find."""
    folder = open_directory(root, _FOLDER, create=True)
    try:
        os.mkfifo(f"{channel}_{epoch}", 0o600, dir_fd=folder)
    except FileExistsError:
        pass
    finally:
        os.close(folder)


def main(arguments: list[str]) -> int:
    """Feed every channel of one job directory until the shim ends."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        return 0
    job = JobDirectory(Path(arguments[0]))
    pipes = job.spec().pipes
    threads = [threading.Thread(target=_feed, args=(job, pipe), daemon=True) for pipe in pipes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


def _feed(job: JobDirectory, pipe: Pipe) -> None:
    try:
        epoch = 0
        while _feed_epoch(job, pipe, epoch):
            epoch += 1
    except (OSError, Unsafe) as error:
        _complain(f"InternalServerError: The channel {pipe.channel} could not be streamed: {error}.")


def _feed_epoch(job: JobDirectory, pipe: Pipe, epoch: int) -> bool:
    """Feed one epoch; tell whether there is another."""
    name = f"{pipe.channel}_{epoch}"
    folder = open_directory(job.ml, _FOLDER)
    try:
        out = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)  # waits for its reader
        if not stat.S_ISFIFO(os.fstat(out).st_mode):
            os.close(out)
            raise Unsafe(f"{name!r} is not the pipe that was there")
    except FileNotFoundError:  # the program took it away: it wants no more
        os.close(folder)
        return False
    try:
        _widen(out)
        lay(job.ml, pipe.channel, epoch + 1)
        for group in of_epoch(pipe.groups, pipe.seed, epoch, pipe.share):
            for piece in group:
                _send(out, job, pipe, piece)
    except BrokenPipeError:
        pass  # a program may leave an epoch early
    finally:
        _unlink(name, folder)  # first: who came now would wait for nobody
        os.close(out)
        os.close(folder)
    return True


def _send(out: int, job: JobDirectory, pipe: Pipe, piece: Piece) -> None:
    if piece.source is None:
        body = piece.text.encode()
        _write(out, record(body) if pipe.wrapped else body)
        return
    path = held(job, piece.source)
    if pipe.gunzip:
        try:
            _send_unpacked(out, path, wrapped=pipe.wrapped)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            _complain(
                f"ClientError: An object of the channel {pipe.channel} is not whole gzip data ({error}), and "
                "its CompressionType is Gzip. Upload it compressed, or set CompressionType to None."
            )
            raise BrokenPipeError from error
        return
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for start, length, before, after in parts(size) if pipe.wrapped else [(0, size, b"", b"")]:
            _write(out, before)
            _copy(out, file.fileno(), start, length)
            _write(out, after)


def _send_unpacked(out: int, path: Path, *, wrapped: bool) -> None:
    """Unpack on the way; a record's length comes first, so that it takes unpacking twice."""
    if not wrapped:
        with gzip.open(path, "rb") as file:
            while piece := file.read(_CHUNK):
                _write(out, piece)
        return
    with gzip.open(path, "rb") as file:
        size = 0
        while piece := file.read(_CHUNK):
            size += len(piece)
    with gzip.open(path, "rb") as file:
        for _, length, before, after in parts(size):
            _write(out, before)
            while length:
                piece = file.read(min(_CHUNK, length))
                _write(out, piece)
                length -= len(piece)
            _write(out, after)


def parts(size: int) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield a record's parts, mostly one: where it starts, its length, its header, its padding."""
    starts = range(0, max(size, 1), LONGEST)
    for number, start in enumerate(starts):
        length = min(LONGEST, size - start)
        flag = 0 if len(starts) == 1 else 1 if number == 0 else 3 if number == len(starts) - 1 else 2
        yield start, length, struct.pack("<II", MAGIC, flag << 29 | length), bytes(-length % 4)


def record(body: bytes) -> bytes:
    """Return a short text as a RecordIO record."""
    return b"".join(b for start, n, h, p in parts(len(body)) for b in (h, body[start : start + n], p))


def _copy(out: int, source: int, start: int, length: int) -> None:
    end = start + length
    while start < end:
        copied = os.sendfile(out, source, start, min(_CHUNK, end - start))
        if copied == 0:
            return
        start += copied


def _write(out: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def _widen(out: int) -> None:
    try:
        fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, _BUFFER)
    except OSError:
        return  # the usual size will do


def _unlink(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        return


def _complain(words: str) -> None:
    os.write(sys.stdout.fileno(), words.encode() + b"\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

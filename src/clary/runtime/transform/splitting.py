"""Cuts an input object of a transform job into what one request carries (evidence/batch-transform.md)."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

LARGEST_MB = 100  # of the requests that are under way at a time, all together
MAGIC = 0xCED7230A  # of a RecordIO record
_LENGTH = (1 << 29) - 1
_BLOCK = 1 << 20

Records = Iterator[tuple[bytes, bytes]]
"""Records one after the other: as they stand in the file, and without what is wrapped around them."""


class InputError(Exception):
    """An input object that cannot be sent; the text says why, and what would help."""


def open_object(path: Path, *, gunzip: bool) -> BinaryIO:
    """Open an input object, unpacked."""
    return cast(BinaryIO, gzip.open(path)) if gunzip else path.open("rb")


def batches(
    file: BinaryIO, split: str, limit: int, *, single: bool, aim: int | None = None
) -> Iterator[bytes]:
    """Yield the payloads of one object, each of at most `limit` bytes, several records of about `aim`."""
    yield from _unpacked(_batches(file, split, limit, min(aim or limit, limit), single=single))


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield an object that is streamed as a whole."""
    yield from _unpacked(iter(lambda: file.read(_BLOCK), b""))


def whole(file: BinaryIO) -> bytes:
    """Return an object that is to be filtered or joined as one, and therefore held in memory."""
    limit = LARGEST_MB << 20
    (body,) = _unpacked(file.read(limit + 1) for _ in range(1))
    if len(body) > limit:
        raise InputError(
            f"the object is larger than {LARGEST_MB} MB, and MaxPayloadInMB is 0. To filter or join it, set "
            "SplitType and MaxPayloadInMB to send it in parts"
        )
    return body


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"it is not whole gzip data ({error}), and CompressionType is Gzip. Upload it compressed, or set "
            "CompressionType to None"
        ) from error


def _batches(file: BinaryIO, split: str, limit: int, aim: int, *, single: bool) -> Iterator[bytes]:
    if split == "Line":
        yield from _single_lines(file, limit) if single else _lines(file, limit, aim)
    elif split in _FORMATS:
        records = _FORMATS[split](file, limit)
        yield from (bare for _, bare in records) if single else _together(records, limit, aim)
    else:
        body = file.read(limit + 1)
        if len(body) > limit:
            raise _too_large(
                "the object", limit, "set SplitType to send it in parts, or raise MaxPayloadInMB"
            )
        if body:
            yield body


def without_blanks(text: bytes) -> bytes:
    """Leave out empty lines."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    if b"\n\n" in text or text[:1] == b"\n":
        text = b"\n".join(line for line in text.split(b"\n") if line)
    return text.removesuffix(b"\n")


def _single_lines(file: BinaryIO, limit: int) -> Iterator[bytes]:
    while line := file.readline(limit + 3):
        bare = line.rstrip(b"\r\n")
        if len(bare) > limit:
            raise _too_large("a record", limit, "raise MaxPayloadInMB")
        if bare:
            yield bare


def _lines(file: BinaryIO, limit: int, aim: int) -> Iterator[bytes]:
    rest, most = b"", aim
    while True:
        read = file.read(most + 1 - len(rest))
        text = rest + read
        if len(text) <= most and not read:
            if last := without_blanks(text):
                yield last
            return
        if len(text) <= most:  # a short read, of a compressed file say
            rest = text
            continue
        cut = text.rfind(b"\n", 0, most + 1)
        if cut < 0 and most == limit:
            raise _too_large("a record", limit, "raise MaxPayloadInMB")
        if cut < 0:  # the first record alone has more
            rest, most = text, limit
            continue
        most = aim
        if whole := without_blanks(text[:cut]):
            yield whole
        rest = text[cut + 1 :]


def _together(records: Records, limit: int, aim: int) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for wrapped, _ in records:
        if len(wrapped) > limit:
            raise _too_large("a record", limit, "raise MaxPayloadInMB")
        if waiting and size + len(wrapped) > aim:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(wrapped)
        size += len(wrapped)
    if waiting:
        yield b"".join(waiting)


def _record_io(file: BinaryIO, limit: int) -> Records:
    wrapped: list[bytes] = []
    bare: list[bytes] = []
    size = 0
    while head := file.read(8):
        if len(head) < 8:
            raise InputError("its last RecordIO record has no whole header")
        magic, word = struct.unpack("<II", head)
        if magic != MAGIC:
            raise InputError("it is not RecordIO: a record does not begin with the magic number 0xced7230a")
        length = word & _LENGTH
        size += length
        _check_length(size, limit)
        body = file.read(length + -length % 4)
        if len(body) < length:
            raise InputError("its last RecordIO record is cut off")
        wrapped += [head, body]
        bare.append(body[:length])
        if word >> 29 in (0, 3):  # a record in one part, or its last part
            yield b"".join(wrapped), b"".join(bare)
            wrapped, bare, size = [], [], 0


def _tf_record(file: BinaryIO, limit: int) -> Records:
    while head := file.read(12):  # length, and its checksum
        if len(head) < 12:
            raise InputError("its last TFRecord has no whole header")
        (length,) = struct.unpack("<Q", head[:8])
        _check_length(length, limit)
        body = file.read(length + 4)
        if len(body) < length + 4:
            raise InputError("its last TFRecord is cut off")
        yield head + body, body[:length]


_FORMATS: dict[str, Callable[[BinaryIO, int], Records]] = {"RecordIO": _record_io, "TFRecord": _tf_record}


def _check_length(length: int, limit: int) -> None:
    """Refuse a record before it is read: a broken one may say that it is larger than all memory."""
    if length > limit:
        cure = "raise MaxPayloadInMB, or correct SplitType if the object does not hold such records"
        raise _too_large("a record", limit, cure)


def _too_large(what: str, limit: int, cure: str) -> InputError:
    return InputError(f"{what} is larger than MaxPayloadInMB, which is {limit >> 20}; {cure}")

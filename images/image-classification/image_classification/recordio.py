"""MXNet's RecordIO, as its im2rec writes it: records of a header, labels and an encoded picture.

A record is the magic number, a word with its length in the lower 29 bits and its part in the upper three,
and the bytes, padded to four. A record that would have the magic number inside is cut there, into parts 1,
2 … 2, 3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAGIC = 0xCED7230A
HEADER = struct.Struct("<IfQQ")  # how many labels follow (0: the next is the only one), label, id, second id
WHOLE, FIRST, MIDDLE, LAST = range(4)

Span = tuple[int, int]


class Record(NamedTuple):
    """Where the parts of a record's bytes are in its file."""

    number: int
    spans: tuple[Span, ...]


def records(file: BinaryIO) -> Iterator[Record]:
    """Find every record of a seekable file; a ValueError says what is not as it should be."""
    end = file.seek(0, 2)
    at, number = 0, 0
    parts: list[Span] = []
    while at < end:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            raise ValueError(f"the file ends inside a record's header, at byte {at}")
        magic, word = struct.unpack("<II", head)
        if magic != MAGIC:
            raise ValueError(f"there is no RecordIO magic number at byte {at}")
        part, length = word >> 29, word & (1 << 29) - 1
        if at + 8 + length > end:
            raise ValueError(f"the file ends inside the record at byte {at}")
        if part > LAST or (part in (WHOLE, FIRST)) == bool(parts):
            raise ValueError(f"the record at byte {at} is part {part} of no record")
        parts.append((at + 8, length))
        at += 8 + length + -length % 4
        if part in (WHOLE, LAST):
            yield Record(number, tuple(parts))
            number, parts = number + 1, []
    if parts:
        raise ValueError("the file ends inside a record of several parts")


def content(file: BinaryIO, spans: tuple[Span, ...]) -> bytes:
    """Return the bytes of a record."""
    found = []
    for begin, length in spans:
        file.seek(begin)
        found.append(file.read(length))
    return struct.pack("<I", MAGIC).join(found)


def labels(file: BinaryIO, record: Record) -> tuple[list[float], int]:
    """Return a record's labels, and where in its bytes the picture begins."""
    begin, length = record.spans[0]
    if len(record.spans) > 1:
        body = content(file, record.spans)
    else:
        file.seek(begin)
        body = file.read(min(length, HEADER.size))
    if len(body) < HEADER.size:
        raise ValueError(f"record {record.number} has no header of {HEADER.size} bytes")
    count, label, _, _ = HEADER.unpack_from(body)
    if not count:
        return [label], HEADER.size
    after = HEADER.size + 4 * count
    if after > sum(one for _, one in record.spans) + 4 * len(record.spans):
        raise ValueError(f"record {record.number} says that it has {count} labels, and ends before them")
    if len(record.spans) == 1:
        file.seek(begin)
        body = file.read(after)
    return list(struct.unpack_from(f"<{count}f", body, HEADER.size)), after


def spool(source: Path, target: Path) -> Path:
    """Write what comes out of a pipe to a file."""
    import shutil

    with source.open("rb") as stream, target.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
    return target

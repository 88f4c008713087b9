"""How an object is cut into requests: every way, at the limits, and broken."""

from __future__ import annotations

import gzip
import io
import struct
from itertools import pairwise
from pathlib import Path

import pytest

from clary.runtime.feed import record
from clary.runtime.transform.splitting import InputError, batches, open_object

MANY = 1 << 20


def cut(
    data: bytes, split: str, limit: int = MANY, *, single: bool = False, aim: int | None = None
) -> list[bytes]:
    return list(batches(io.BytesIO(data), split, limit, single=single, aim=aim))


def tf_record(body: bytes) -> bytes:
    return struct.pack("<Q", len(body)) + b"crc1" + body + b"crc2"


def test_an_object_that_is_not_split_is_one_request() -> None:
    assert cut(b"a\nb\n", "None") == [b"a\nb\n"]
    assert cut(b"", "None") == []
    assert cut(b"abcd", "None", 4) == [b"abcd"]
    with pytest.raises(InputError, match="the object is larger than MaxPayloadInMB"):
        cut(b"abcde", "None", 4)


@pytest.mark.parametrize(
    "text", [b"a\nbb\n\nccc\n", b"a\nbb\nccc", b"a\r\nbb\r\n\r\nccc\r\n", b"\na\nbb\nccc\n\n"]
)
def test_lines_are_sent_one_by_one_or_together(text: bytes) -> None:
    assert cut(text, "Line", single=True) == [b"a", b"bb", b"ccc"]
    assert cut(text, "Line") == [b"a\nbb\nccc"]


@pytest.mark.parametrize("limit", range(5, 60))
def test_lines_fill_requests_up_to_the_limit_and_none_is_lost(limit: int) -> None:
    lines = [b"%d" % (n * 37 % 10 ** (n % 5 + 1)) for n in range(200)]
    sent = cut(b"\n".join(lines) + b"\n", "Line", limit)
    assert b"\n".join(sent).split(b"\n") == lines
    assert all(len(batch) <= limit for batch in sent)
    following = pairwise(sent)
    assert all(len(one) + 1 + len(other.split(b"\n")[0]) > limit for one, other in following)


@pytest.mark.parametrize("aim", range(1, 30))
def test_requests_may_be_smaller_than_the_limit_but_for_a_record_that_is_not(aim: int) -> None:
    lines = [b"%d" % (n * 37 % 10 ** (n % 9 + 1)) for n in range(200)]
    sent = cut(b"\n".join(lines) + b"\n", "Line", 20, aim=aim)
    assert b"\n".join(sent).split(b"\n") == lines
    assert all(len(batch) <= (20 if aim < max(map(len, lines)) else aim) for batch in sent)
    records = [record(b"x" * (n % 9)) for n in range(40)]
    together = cut(b"".join(records), "RecordIO", 30, aim=aim)
    assert b"".join(together) == b"".join(records)
    assert all(len(batch) <= aim or batch in records for batch in together)


@pytest.mark.parametrize("single", [True, False])
def test_a_line_above_the_limit_is_refused(single: bool) -> None:
    assert cut(b"abcd\nabcd", "Line", 4, single=single) == [b"abcd", b"abcd"]
    with pytest.raises(InputError, match="a record is larger than MaxPayloadInMB, which is 0; raise"):
        cut(b"abcd\nabcde\n", "Line", 4, single=single)


def test_record_io_is_unwrapped_one_by_one_and_kept_together() -> None:
    wrapped = [record(b"a"), record(b"bcdef"), record(b"")]
    data = b"".join(wrapped)
    assert cut(data, "RecordIO", single=True) == [b"a", b"bcdef", b""]
    assert cut(data, "RecordIO") == [data]
    assert cut(data, "RecordIO", 16) == wrapped


def test_a_record_of_several_parts_is_one() -> None:
    head = struct.pack("<II", 0xCED7230A, 1 << 29 | 3) + b"abc\0"
    tail = struct.pack("<II", 0xCED7230A, 3 << 29 | 2) + b"de\0\0"
    assert cut(head + tail, "RecordIO", single=True) == [b"abcde"]
    assert cut(head + tail, "RecordIO") == [head + tail]


def test_tf_records_are_unwrapped_one_by_one_and_kept_together() -> None:
    data = tf_record(b"a") + tf_record(b"bc")
    assert cut(data, "TFRecord", single=True) == [b"a", b"bc"]
    assert cut(data, "TFRecord", 20) == [tf_record(b"a"), tf_record(b"bc")]


@pytest.mark.parametrize(
    ("split", "data", "words"),
    [
        ("RecordIO", b"1,2,3\n4,5,6\n", "magic number"),
        ("RecordIO", record(b"abcdef")[:-4], "cut off"),
        ("RecordIO", record(b"ab") + b"\x0a", "no whole header"),
        ("TFRecord", tf_record(b"abc")[:-3], "cut off"),
        ("TFRecord", b"abc", "no whole header"),
        ("TFRecord", struct.pack("<Q", 1 << 62) + b"crc1", "a record is larger .* correct SplitType"),
        ("TFRecord", struct.pack("<Q", (1 << 64) - 1) + b"crc1", "a record is larger .* correct SplitType"),
        ("RecordIO", record(b"a" * MANY + b"b"), "a record is larger .* correct SplitType"),
        (
            "RecordIO",
            struct.pack("<II", 0xCED7230A, 1 << 29 | MANY) + b"a" * MANY + struct.pack("<II", 0xCED7230A, 4),
            "a record is larger",
        ),
    ],
)
def test_binary_records_that_are_broken_are_refused(split: str, data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        cut(data, split)


def test_gzip_is_unpacked_and_what_is_none_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"a\nb\n"))
    with open_object(path, gunzip=True) as file:
        assert list(batches(file, "Line", MANY, single=True)) == [b"a", b"b"]
    for broken in (b"a\nb\n", gzip.compress(b"a\nb\n" * 1000)[:-9]):
        path.write_bytes(broken)
        with open_object(path, gunzip=True) as file, pytest.raises(InputError, match="not whole gzip data"):
            list(batches(file, "Line", MANY, single=True))

"""A prediction that arrived in one piece, read without a parser.

What is read here is what the parser would have read, blanks behind a value included; whatever is out of the
ordinary, or wrong, is its.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE

MOST_BODY = 1 << 16
"""Bytes of a body that is kept until it is whole without holding the sender back."""

MOST_HEAD = 1 << 14
"""Bytes of headers that are looked at here, and remembered in part; a session's token has a few thousand."""

_DIGITS = len(str(MOST_BODY))
_LINE = re.compile(rb"POST (/endpoints/([A-Za-z0-9-]{1,63})/invocations) HTTP/1\.1\r\n")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TEXT = bytes({9, *range(32, 127), *range(128, 256)} - {0x85, 0xA0})
"""What values may hold; the two left out are blanks to whoever signs text, and to nobody who signs bytes."""

_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade"})


@dataclass(slots=True)
class Whole:
    """One request. Names of headers are in lower case, and none is there twice."""

    path: bytes
    endpoint: str
    headers: dict[bytes, bytes]
    body: bytes


def read(data: bytes) -> Whole | None:
    """Return the one request that these bytes are; None where it takes more than a look to tell."""
    line = _LINE.match(data)
    if line is None:
        return None
    begin = line.end()
    end = data.find(b"\r\n\r\n", begin)
    if end < 0 or end > MOST_HEAD:
        return None
    block = data[begin:end]
    fields = block.split(b"\r\n")
    if block.translate(None, _TEXT) != b"\r\n" * (len(fields) - 1):
        return None
    headers: dict[bytes, bytes] = {}
    for field in fields:
        name, mark, value = field.partition(b":")
        low = _lower(name)
        if low is None or not mark:
            return None
        headers[low] = value.lstrip()
    length = headers.get(b"content-length", b"")
    body = data[end + 4 :]
    if (
        len(headers) != len(fields)
        or not length.isdigit()
        or len(length) > _DIGITS
        or int(length) != len(body)
        or len(body) > MOST_BODY
        or not _UNUSUAL.isdisjoint(headers)
        or headers.get(b"connection", b"keep-alive").lower() != b"keep-alive"
    ):
        return None
    return Whole(line[1], line[2].decode(), headers, body)


def check_header(name: bytes, value: bytes) -> None:
    """Raise ValueError where this cannot be sent as a header."""
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise ValueError(f"{name!r}: {value!r} is not a header")


@functools.lru_cache(maxsize=1024)
def _lower(name: bytes) -> bytes | None:
    return name.lower() if _NAME.fullmatch(name) else None

"""Which bytes of an object a GET or HEAD is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clary.core.errors import ApiError
from clary.store.objects import ObjectInfo
from clary.store.objects.errors import refused
from clary.store.objects.model import PartInfo

_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,18})-([0-9]{0,18})")
_SOURCE_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})")
_LAST_PART = 10_000


@dataclass(frozen=True)
class Span:
    """A stretch of bytes; `part` when it was asked for as one, `partial` when the answer is a 206."""

    offset: int
    length: int
    partial: bool = False
    part: PartInfo | None = None

    def content_range(self, size: int) -> str:
        """Return the Content-Range header."""
        return f"bytes {self.offset}-{self.offset + self.length - 1}/{size}"


def span(info: ObjectInfo, header: str | None, part_number: int | None) -> Span:
    """Return the bytes asked for; a range outside the object is refused, one that does not parse ignored."""
    if part_number is not None:
        if header is not None:
            message = "Cannot specify both Range header and partNumber query parameter"
            raise refused("InvalidRequest", message)
        return _part(info, part_number)
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return Span(0, info.size)
    first, last = found.groups()
    if not first:
        length = min(int(last), info.size)
        if not length:
            raise _outside(header, info.size)
        return Span(info.size - length, length, partial=True)
    offset, end = int(first), min(int(last), info.size - 1) if last else info.size - 1
    if last and int(last) < offset:
        return Span(0, info.size)
    if offset >= info.size:
        raise _outside(header, info.size)
    return Span(offset, end - offset + 1, partial=True)


def source_span(info: ObjectInfo, header: str | None) -> Span:
    """Return the bytes of a copy's source; here the range must be whole: `bytes=first-last`, inside it."""
    if header is None:
        return Span(0, info.size)
    found = _SOURCE_RANGE.fullmatch(header)
    if found is None or int(found[2]) < int(found[1]):
        raise refused(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are "
            "the zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    first, last = int(found[1]), int(found[2])
    if last >= info.size:
        raise refused(
            "InvalidArgument",
            f"Range specified is not valid for source object of size: {info.size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    return Span(first, last - first + 1)


def _part(info: ObjectInfo, number: int) -> Span:
    if not 1 <= number <= _LAST_PART:
        raise refused(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {_LAST_PART}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )
    parts = info.parts or (PartInfo(1, info.size),)
    if number > len(parts):
        raise ApiError(
            "The requested partnumber is not satisfiable",
            code="InvalidPartNumber",
            status=416,
            members={"ActualPartCount": len(parts), "PartNumberRequested": number},
        )
    offset = sum(part.size for part in parts[: number - 1])
    part = parts[number - 1]
    return Span(offset, part.size, partial=info.size > 0, part=part if info.parts else None)


def _outside(header: str | None, size: int) -> ApiError:
    return refused(
        "InvalidRange",
        "The requested range is not satisfiable",
        RangeRequested=header or "",
        ActualObjectSize=size,
    )

"""multipart/form-data as it arrives: the fields before the file in memory, the file piece by piece."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from clary.core.errors import ApiError

MOST_FIELDS = 20 << 10
"""Bytes that all fields before the file may have together."""

_BOUNDARY = re.compile(
    r'multipart/form-data\s*;.*?boundary=(?:"([^"]{1,200})"|([^\s;,"]{1,200}))', re.IGNORECASE
)
_NAME = re.compile(rb'[;\s]name="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_FILE = re.compile(rb'[;\s]filename="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


@dataclass(frozen=True)
class Form:
    """The fields by lower-case name, and what the browser calls the file."""

    fields: dict[str, str]
    filename: str


class FormReader:
    """Reads one form: first `fields`, then `file`. Fields after the file are not looked at."""

    def __init__(self, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        found = _BOUNDARY.match(content_type)
        if found is None:
            raise malformed()
        self._end = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
        self._chunks = chunks
        self._waiting = b"\r\n"  # so that the first boundary looks like all others
        self._over = False

    async def fields(self) -> Form:
        """Return everything up to the file; a form without one is refused."""
        fields: dict[str, str] = {}
        size = 0
        await self._up_to(self._end)
        while True:
            head = await self._up_to(b"\r\n\r\n")
            name, filename = _NAME.search(head), _FILE.search(head)
            if head.startswith(b"--") or name is None:
                raise _no_file() if head.startswith(b"--") else malformed()
            field = _text(name[1])
            if field.lower() == "file":
                return Form(fields, _text(filename[1]) if filename else "")
            value = await self._up_to(self._end)
            size += len(head) + len(value)
            if size > MOST_FIELDS:
                raise _too_long()
            fields[field.lower()] = _text(value)

    async def file(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes; one that ends without the form's end is refused."""
        keep = len(self._end) - 1
        while (at := self._waiting.find(self._end)) < 0:
            if len(self._waiting) > keep:
                yield self._waiting[:-keep]
                self._waiting = self._waiting[-keep:]
            await self._more()
        if at:
            yield self._waiting[:at]
        async for _ in self._chunks:
            pass

    async def _up_to(self, mark: bytes) -> bytes:
        while (at := self._waiting.find(mark)) < 0:
            if len(self._waiting) > MOST_FIELDS + len(mark):
                raise _too_long()
            if self._over:
                raise _no_file()
            await self._more()
        found, self._waiting = self._waiting[:at], self._waiting[at + len(mark) :]
        return found

    async def _more(self) -> None:
        if self._over:
            raise malformed()
        try:
            self._waiting += await anext(self._chunks)
        except StopAsyncIteration:
            self._over = True


def malformed() -> ApiError:
    """Return the refusal of a body that is no form."""
    message = "The body of your POST request is not well-formed multipart/form-data."
    return ApiError(message, code="MalformedPOSTRequest", status=400)


def _no_file() -> ApiError:
    message = "POST requires exactly one file upload per request."
    members = {"ArgumentName": "file", "ArgumentValue": "0"}
    return ApiError(message, code="InvalidArgument", status=400, members=members)


def _too_long() -> ApiError:
    message = "Your POST request fields preceding the upload file were too large."
    return ApiError(message, code="MaxPostPreDataLengthExceeded", status=400)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise malformed() from error

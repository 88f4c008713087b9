"""A model's answer on its way through, piece by piece, no faster than the caller takes it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

MOST_WAITING = 64
"""Pieces that may wait for the caller before the model server is held back."""


class Stream:
    """The body of one answer. The connection puts pieces in, one task takes them out."""

    def __init__(self) -> None:
        self.variant = ""
        self.status = 200
        self.headers: dict[bytes, bytes] = {}
        self._pieces: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._ended = False
        self._source: asyncio.Transport | None = None

    def open(self, headers: dict[bytes, bytes], source: asyncio.Transport) -> None:
        """Take the answer's headers, and the transport to hold back."""
        self.headers, self._source = headers, source

    def put(self, data: bytes) -> None:
        """Add a piece."""
        self._pieces.append(data)
        self._news.set()
        if len(self._pieces) == MOST_WAITING and self._source and not self._source.is_closing():
            self._source.pause_reading()

    def end(self) -> None:
        """Say that no more pieces come."""
        self._ended = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            if self._ended:
                return
            self._news.clear()
            if self._source and not self._source.is_closing():
                self._source.resume_reading()
            await self._news.wait()

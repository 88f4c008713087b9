"""Shared memory between the master and its workers: since when is each of them inside a prediction?"""

from __future__ import annotations

import mmap
import struct
import time

CELL = struct.Struct("d")


class Board:
    """One number a worker: the monotonic time at which its prediction began, or zero."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, max(1, workers) * CELL.size)

    def begin(self, slot: int) -> None:
        """Note that a prediction begins."""
        CELL.pack_into(self._memory, slot * CELL.size, time.monotonic())

    def end(self, slot: int) -> None:
        """Note that it is over."""
        CELL.pack_into(self._memory, slot * CELL.size, 0.0)

    def busy_seconds(self, slot: int, now: float) -> float:
        """Say how long a worker has been inside one prediction."""
        began: float = CELL.unpack_from(self._memory, slot * CELL.size)[0]
        return now - began if began else 0.0

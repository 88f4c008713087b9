"""An upload's bytes between its connection and its staging: one block is filled while the last is hashed."""

from __future__ import annotations

from clary.gateway.chunked import Decoder
from clary.gateway.staging import Staging

_BLOCK = 1 << 20


class Intake:
    """Takes a body in, decoded if it comes in chunks. One thread at a time."""

    def __init__(self, staging: Staging, decoder: Decoder | None) -> None:
        self._staging, self._decoder = staging, decoder
        self._block, self._other = memoryview(bytearray(_BLOCK)), memoryview(bytearray(_BLOCK))
        self._filled = 0

    def room(self) -> memoryview:
        """Return where the next bytes go."""
        return self._block[self._filled :]

    def took(self, count: int) -> None:
        """Pass a block on once it is full."""
        self._filled += count
        if self._filled == _BLOCK:
            self.finish()

    def finish(self) -> None:
        """Pass on what there is."""
        block = self._block[: self._filled]
        self._staging.begin(self._decoder.feed(block) if self._decoder else block)
        self._block, self._other, self._filled = self._other, self._block, 0

"""Work that a gateway process does now and then, beside the calls."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

EVERY = 5
"""Seconds from one turn to the next; the clock's seconds decide when."""


async def turns(stop: asyncio.Event, work: Callable[[], Awaitable[None]], every: float = EVERY) -> None:
    """Do the work at every turn until told to stop, and once more then."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every - time.time() % every)
        await work()

"""Work that a gateway process does now and then, beside the calls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

EVERY = 5
"""Seconds from one turn to the next; the clock's seconds decide when."""

_log = logging.getLogger(__name__)


async def turns(stop: asyncio.Event, work: Callable[[], Awaitable[None]], every: float = EVERY) -> None:
    """Do the work at every turn until told to stop, and once more then."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every - time.time() % every)
        try:
            await work()
        except Exception:
            _log.exception("work beside the calls failed; its next turn comes")

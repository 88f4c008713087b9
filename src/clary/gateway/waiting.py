"""Callers that wait for messages: none holds a thread, and one look at the database serves them all.

While anybody waits, whether anything at all was written is asked many times a second, for microseconds each.
Only after a write, or when a delay or a visibility timeout ends, are the queues looked at that somebody waits
for, and those woken who came first. They then receive as if they had come again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from clary.core.clock import Clock
from clary.store.database import Database
from clary.store.queues import messages
from clary.store.queues.message import Queue
from clary.store.times import micros

_REST = 10  # How much longer than a look took the next one waits, so that looking never takes a processor.
_PAUSE = 0.02  # Seconds between two questions.
_ANYWAY = 1.0  # Seconds after which they are looked at whatever was written: who was woken may be gone.
_WOKEN = 4  # Callers woken at once; what they leave wakes the next.
Places = deque[asyncio.Future[None]]
Message = Mapping[str, Any]  # ASGI's own, loosely typed.


class Waiting:
    """Those who wait, by their queue. Everything here happens on one event loop."""

    def __init__(self, database: Database, clock: Clock, pool: ThreadPoolExecutor) -> None:
        self._database, self._clock, self._pool = database, clock, pool
        self._waiting: dict[Queue, Places] = {}
        self._watch: Callable[[], int] | None = None
        self._task: asyncio.Task[None] | None = None
        self._came = False

    async def stirs(self, queue: Queue, seconds: float, gone: asyncio.Future[Message]) -> None:
        """Return when the queue may have something, the time is over, or the caller is gone."""
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(queue, deque()).append(place)
        self._came = True  # what was written since the caller looked may have been seen already
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._look())

        def end(_: object) -> None:
            if not place.done():
                place.set_result(None)

        gone.add_done_callback(end)
        try:
            await asyncio.wait([place], timeout=seconds)
        finally:
            gone.remove_done_callback(end)
            self._leave(queue, place)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        if self._watch is None:
            self._watch = await loop.run_in_executor(self._pool, self._database.watch)
        version, coming, looked, took = -1, 0, 0.0, 0.0
        while self._waiting:
            now, seen = micros(self._clock.now()) // 1000, self._watch()
            due = coming and now >= coming
            if self._came or seen != version or due or loop.time() - looked > _ANYWAY:
                version, looked, self._came = seen, loop.time(), False
                found, coming = await loop.run_in_executor(
                    self._pool, self._stirring, list(self._waiting), now
                )
                took = loop.time() - looked
                for queue in found:
                    self._wake(queue)
            await asyncio.sleep(min(max(_PAUSE, took * _REST), _ANYWAY))

    def _stirring(self, queues: list[Queue], now: int) -> tuple[list[Queue], int]:
        with self._database.read() as connection:
            return messages.stirring(connection, queues, now)

    def _wake(self, queue: Queue) -> None:
        for place in list(self._waiting.get(queue, ()))[:_WOKEN]:
            if not place.done():
                place.set_result(None)

    def _leave(self, queue: Queue, place: asyncio.Future[None]) -> None:
        places = self._waiting[queue]
        places.remove(place)
        if not places:
            del self._waiting[queue]

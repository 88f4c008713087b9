"""Asks a model that is not to be asked in the event loop: in the main thread, as its author expects.

A second thread does the talking meanwhile, so that /ping is answered during a long prediction. Between two
threads a request changes hands twice, which is as much work as all the rest of HTTP; so a model that is free
of a user's functions, and that has answered quickly for a while, is asked by the loop itself, which then runs
in the main thread, until it is slow once.
"""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import uvloop

from toolkit.server.http import Connection
from toolkit.server.messages import Answer, Limits, Request

QUICK_SECONDS, QUICK_CALLS = 0.005, 16
"""What so many calls in a row must not exceed before the loop asks the model itself."""
SLOW_SECONDS = 0.02
"""What none may exceed while it does."""

Asked = tuple[Connection, Request]
Ask = Callable[[Sequence[Request]], list[Answer]]


class Desk(Protocol):
    """Where requests come from and answers go to."""

    finished: asyncio.Event

    async def listen(self) -> None:
        """Accept connections."""
        ...

    def deliver(self, work: list[Asked], answers: Sequence[Answer]) -> None:
        """Send answers back."""
        ...

    def drain(self) -> None:
        """Answer what has arrived, then finish."""
        ...


class Turns:
    """Answers the requests of one desk until it has finished."""

    def __init__(self, ask: Ask, limits: Limits, *, free: bool) -> None:
        self.loop = uvloop.new_event_loop()
        self._ask, self._limits = ask, limits
        self._free = free and not limits.delay_seconds
        self._waiting: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._inside = self._due = self._done = False
        self._quick = 0
        # A Python signal handler waits for the main thread, which may be about to sleep. The byte that the C
        # handler writes does not; while the loop runs in the main thread, the byte goes to the loop, which
        # calls the Python handler.
        self._heard, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGTERM, lambda number, _: os.write(wake, bytes([number])))
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def submit(self, work: list[Asked]) -> None:
        """Take the requests of one turn of the loop."""
        chunks = (work[at : at + self._limits.size] for at in range(0, len(work), self._limits.size))
        if self._inside and not self._due:
            self._answer_some(chunks)
        for chunk in chunks:
            for one in chunk:
                self._waiting.put(one)

    def run(self, desk: Desk) -> None:
        """Serve until the desk has finished."""
        sys.setswitchinterval(0.001)  # the talking thread waits at most this long for a busy model
        self._desk = desk
        self.loop.run_until_complete(desk.listen())
        self.loop.add_reader(self._heard, self._signalled)
        end = self.loop.create_task(self._end(desk))
        while not self._done:
            if self._inside:
                self.loop.run_forever()
            else:
                self._run_apart()
        self.loop.run_until_complete(end)

    def _run_apart(self) -> None:
        """Ask in this thread while another one talks, until the model is known to be quick."""
        talk = threading.Thread(target=self._talk, name="talk", daemon=True)
        talk.start()
        while work := self._take():
            began = time.monotonic()
            answers = self._ask([request for _, request in work])
            quick = time.monotonic() - began <= QUICK_SECONDS
            self.loop.call_soon_threadsafe(self._desk.deliver, work, answers)
            self._quick = self._quick + 1 if quick and self._free else 0
            if self._quick >= QUICK_CALLS:
                self.loop.call_soon_threadsafe(self.loop.stop)
                break
        talk.join()
        self._inside = not self._done
        if self._inside:  # what came before the other thread ended
            self._go_on_soon()

    def _talk(self) -> None:
        try:
            self.loop.run_forever()
        except BaseException:
            traceback.print_exc()
            os._exit(1)  # without its voice a worker is of no use; the master replaces it

    def _answer_some(self, chunks: Iterator[list[Asked]]) -> None:
        """Answer for as long as the loop can be without a turn, in which it answers /ping; leave the rest."""
        until = time.monotonic() + QUICK_SECONDS
        for work in chunks:
            self._answer(work)
            if not self._inside:
                self.loop.stop()
                return
            if time.monotonic() >= until:
                self._go_on_soon()
                return

    def _go_on_soon(self) -> None:
        self._due = True
        self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._due = False
        self._answer_some(iter(self._take_waiting, []))

    def _answer(self, work: list[Asked]) -> None:
        """Answer in the loop's own thread, which is not the place for it any more once that was slow."""
        began = time.monotonic()
        running = asyncio._get_running_loop()
        asyncio._set_running_loop(None)  # a model may run a loop of its own, as it does in the other thread
        try:
            answers = self._ask([request for _, request in work])
        finally:
            asyncio._set_running_loop(running)
        self._desk.deliver(work, answers)
        if time.monotonic() - began > SLOW_SECONDS:
            self._inside, self._quick = False, 0

    def _take_waiting(self) -> list[Asked]:
        """Take what waits, while there is one thread only."""
        count = min(self._waiting.qsize(), self._limits.size)
        return [one for _ in range(count) if (one := self._waiting.get_nowait())]

    def _take(self) -> list[Asked]:
        """Take a request and those that wait with it; nothing, when there will be no more."""
        taken: list[Asked] = []
        until = time.monotonic() + self._limits.delay_seconds
        while len(taken) < self._limits.size:
            left = until - time.monotonic() if taken and self._limits.delay_seconds else 0.0
            try:
                if not taken:
                    one = self._waiting.get()
                    until = time.monotonic() + self._limits.delay_seconds
                elif left > 0:
                    one = self._waiting.get(timeout=left)
                else:
                    one = self._waiting.get_nowait()
            except queue.Empty:
                break
            if one is None:
                if taken:
                    self._waiting.put(None)
                break
            taken.append(one)
        return taken

    def _signalled(self) -> None:
        if signal.SIGTERM in os.read(self._heard, 4096):
            self._desk.drain()

    async def _end(self, desk: Desk) -> None:
        await desk.finished.wait()
        self._done = True
        self._waiting.put(None)
        self.loop.stop()

"""Works durable invocations off: a thread beside the controllers that waits for environments and answers.

What is to be done is decided by the record's controller (`controllers/awslambda/invocation.py`); here is only
what a process can remember. Each invocation is told of by the uid of its record, and its controller is woken
by it. A process that is killed forgets all: the next one asks the environment again, which knows the answer.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path

from clary.core import wake
from clary.core.document import Document
from clary.core.errors import ApiError, TryAgain
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION, UNDER_WAY
from clary.serving.awslambda.functions import (
    Answer,
    Busy,
    Functions,
    Invocation,
    Lost,
    Place,
    Throttled,
    Turn,
    invocation,
)
from clary.serving.awslambda.measures import Reporting
from clary.serving.connection import Unsent
from clary.serving.crew import Changed
from clary.serving.turns import turns

_STOP = 0.1  # Seconds between looks whether to stop.
_SOON = 0.02  # Seconds until a place, or an environment, that somebody else has is tried again.
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Told:
    """How far an invocation is: waiting, reserved, asked, unsent, answered, lost or refused."""

    state: str
    environment: str = ""
    failed: bool = False
    answer: str = ""
    why: str = ""


class Durable:
    """The driver of one process. Its methods may be called from any thread."""

    def __init__(self, functions: Functions, reporting: Reporting, bell: Path) -> None:
        self._functions, self._reporting, self._bell = functions, reporting, bell
        self._told: dict[str, Told] = {}
        self._turns: dict[str, Turn] = {}
        self._lines: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(stop))
        self._loop.close()

    def told(self, uid: str) -> Told | None:
        """Return how far an invocation is; None where this process knows nothing of it."""
        return self._told.get(uid)

    def reserve(self, uid: str, asked: Document, payload: str) -> None:
        """Have an environment for an invocation."""
        self._begin(uid, Told(state="waiting"), self._reserve(uid, invocation(asked, payload)))

    def ask(self, uid: str, asked: Document, payload: str, key: str) -> None:
        """Ask the environment that was reserved."""
        self._begin(uid, Told(state="asked"), self._ask(uid, invocation(asked, payload, key)))

    def resume(self, uid: str, asked: Document, payload: str, key: str, environment: str) -> None:
        """Ask an environment that an earlier process had asked, or was about to."""
        call = invocation(asked, payload, key)
        self._begin(uid, Told(state="asked"), self._resume(uid, call, environment))

    def forget(self, uid: str) -> None:
        """Give back what an invocation has."""
        self._told.pop(uid, None)
        if turn := self._turns.pop(uid, None):
            self._loop.call_soon_threadsafe(turn.end)

    def _begin(self, uid: str, told: Told, work: Coroutine[None, None, None]) -> None:
        self._told[uid] = told

        self._loop.call_soon_threadsafe(lambda: self._keep(self._safely(uid, work)))

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, stop: threading.Event) -> None:
        ended = asyncio.Event()
        reporting = asyncio.create_task(turns(ended, self._reporting.report))
        self._keep(self._inherit())
        while not stop.is_set():
            await asyncio.sleep(_STOP)
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        ended.set()
        await reporting

    async def _inherit(self) -> None:
        """Have all looked at that an earlier process knew of: nobody rings for them any more."""
        while True:
            try:
                self._functions.records.hasten(LAMBDA_INVOCATION, UNDER_WAY)
                return
            except TryAgain as slow:
                await asyncio.sleep(slow.after.total_seconds())

    async def _safely(self, uid: str, work: Coroutine[None, None, None]) -> None:
        """Forget an invocation that something unforeseen happened to: its controller begins anew."""
        try:
            await work
        except Exception:
            _log.exception("invocation %s is asked for again", uid)
            self._told.pop(uid, None)
            await asyncio.sleep(1)
        wake.send(self._bell, uid)

    async def _reserve(self, uid: str, call: Invocation) -> None:
        while uid in self._told:
            try:
                place = await self._place(uid, call)
                if place is None:
                    return
                turn = await self._functions.fill(call, place)
            except Throttled:  # no environment came; the place is somebody else's by now
                continue
            except Changed:
                self._told[uid] = Told(state="refused", why=f"Function not found: {call.arn}")
                return
            except ApiError as refusal:
                self._told[uid] = Told(state="lost", why=refusal.message)
                return
            if uid not in self._told:  # it was given up meanwhile
                turn.end()
                return
            self._turns[uid] = turn
            self._told[uid] = Told(state="reserved", environment=turn.environment)
            return

    async def _place(self, uid: str, call: Invocation) -> Place | None:
        """Take a place among a function's concurrent calls in the order of coming; None for one given up."""
        async with self._lines.setdefault(call.environments, asyncio.Lock()):
            while uid in self._told:
                try:
                    return self._functions.take(call)
                except Throttled:
                    await asyncio.sleep(_SOON)
        return None

    async def _ask(self, uid: str, call: Invocation) -> None:
        turn = self._turns.pop(uid)
        try:
            self._told[uid] = _answered(await turn.ask(call))
        except Unsent:
            turn.lose()
            self._told[uid] = Told(state="unsent")
        except Lost as lost:
            self._told[uid] = Told(state="lost", why=f"The environment was lost: {lost}.")
        finally:
            turn.end()

    async def _resume(self, uid: str, call: Invocation, environment: str) -> None:
        while uid in self._told:
            try:
                turn = self._functions.again(call, environment)
                if turn is not None:
                    self._turns[uid] = turn
                    await self._ask_again(uid, call)
                    return
            except Lost as lost:
                self._told[uid] = Told(state="lost", why=f"The environment was lost: {lost}.")
                return
            except (Throttled, Busy):
                pass
            await asyncio.sleep(_SOON)

    async def _ask_again(self, uid: str, call: Invocation) -> None:
        turn = self._turns.pop(uid)
        try:
            self._told[uid] = _answered(await turn.ask(call))
        except Busy:
            raise
        except Unsent as gone:
            raise Lost(str(gone)) from gone
        finally:
            turn.end()


def _answered(answer: Answer) -> Told:
    text = answer.body.decode(errors="replace")
    return Told(state="answered", failed=bool(answer.error), answer=text)

"""One worker process: loads the model, accepts connections, answers.

A model that answers `together` runs in the event loop: all requests that arrived in one turn of it are one
call. Any other model runs in the main thread, one request at a time as its author expects, or as many of
those that wait as its limits say: turns.py.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import uvloop

from toolkit.server.board import Board
from toolkit.server.callers import Callers
from toolkit.server.http import Connection
from toolkit.server.messages import JSON, Answer, Batching, Limits, Model, Refused, Request, failed
from toolkit.server.turns import Ask, Turns

MAX_WAITING = 4096
LOAD_FAILED = 71
Work = list[tuple[Connection, Request]]


class Place(NamedTuple):
    """What the master gives a worker."""

    slot: int
    board: Board
    sockets: Sequence[socket.socket]
    workers: int
    ready: Callable[[], None]


class Desk(Callers):
    """Collects the requests of all connections of this worker and brings back the answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, place: Place, submit: Callable[[Work], None]) -> None:
        super().__init__(loop)
        self.offer = f"{place.slot}/{place.workers}"
        self._place, self._submit = place, submit
        self._turn: Work = []
        self.unanswered = 0

    async def listen(self) -> None:
        """Accept connections on the master's sockets, and say so."""
        await self.accept(self._place.sockets, lambda: Connection(self))
        self._place.ready()

    def invoke(self, connection: Connection, request: Request) -> None:
        """Add a request to this turn's."""
        if self.unanswered >= MAX_WAITING:
            connection.reply(Refused(503, f"{MAX_WAITING} requests are waiting already.").answer())
            return
        self.unanswered += 1
        if not self._turn:
            self._loop.call_soon(self._flush)
        self._turn.append((connection, request))

    def deliver(self, work: Work, answers: Sequence[Answer]) -> None:
        """Send the answers back."""
        self.unanswered -= len(work)
        for (connection, _), answer in zip(work, answers, strict=True):
            connection.reply(answer)

    def parameters(self) -> Answer:
        """Tell a batch transform how to use this server."""
        body = {
            "MaxConcurrentTransforms": self._place.workers,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": 6,
        }
        return Answer(200, JSON, json.dumps(body).encode())

    def _flush(self) -> None:
        work, self._turn = self._turn, []
        self._submit(work)


def run(load: Callable[[], Model], place: Place) -> int:
    """Load the model and serve until SIGTERM; return the exit code."""
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)  # type: ignore[attr-defined,unused-ignore]
    try:
        model = load()
    except BaseException:  # whatever a user's model_fn raises ends this worker with its traceback
        print(traceback.format_exc(), file=sys.stderr, flush=True)
        raise
    answer = guarded(model, place)
    return _together(answer, place) if model.together else _by_turns(answer, place, model)


def guarded(model: Model, place: Place) -> Ask:
    """Wrap a model: its exceptions become answers, and the master can see how long it takes."""
    board, slot = place.board, place.slot
    ask = (
        partial(model.answer, beat=lambda: board.begin(slot)) if isinstance(model, Batching) else model.answer
    )

    def answer(requests: Sequence[Request]) -> list[Answer]:
        board.begin(slot)
        try:
            return ask(requests)
        except (Exception, SystemExit) as wrong:  # whatever a user's code raises, the caller gets a 500
            if len(requests) > 1:  # but none of the others whose requests came in the same turn
                return [answer([request])[0] for request in requests]
            print(traceback.format_exc(), flush=True)
            return [failed(wrong)] * len(requests)
        finally:
            board.end(slot)

    return answer


def _together(answer: Ask, place: Place) -> int:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        desk = Desk(loop, place, lambda work: desk.deliver(work, answer([request for _, request in work])))
        desk.offer += " together"
        loop.add_signal_handler(signal.SIGTERM, desk.drain)
        await desk.listen()
        await desk.finished.wait()

    uvloop.run(serve())
    return 0


def _by_turns(answer: Ask, place: Place, model: Model) -> int:
    limits, free = (model.limits, model.free) if isinstance(model, Batching) else (Limits(), False)
    turns = Turns(answer, limits, free=free)
    desk = Desk(turns.loop, place, turns.submit)
    desk.offer += " together" if limits.size > 1 else ""
    turns.run(desk)
    return 0

"""One gateway process on the network: its slot, its announcement, its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import math
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import uvicorn

from clary.core.listening import listen
from clary.core.settings import Settings
from clary.gateway.app import Gateway
from clary.gateway.prompt import prompt
from clary.gateway.protocol import PATIENCE

DRAIN_SECONDS = 10
"""What calls under way have to end once the process is told to stop; the supervisor waits a little longer."""

IDLE_SECONDS = 1.0
"""How long a connection must have rested before a process that is replaced closes it."""

_KEEP_ALIVE_SECONDS = 120  # longer than SDKs keep an idle connection, so that they are the ones to close it
_MOST_SLOTS = 64


@dataclass(frozen=True)
class Slot:
    """This process's number among the gateways of a home; held as long as `lock` is open."""

    number: int
    alone: bool
    lock: IO[str]


def take_slot(run: Path) -> Slot:
    """Take the lowest free number, so that a restarted gateway goes on where the dead one stopped."""
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    mine: tuple[int, IO[str]] | None = None
    others = False
    for number in range(_MOST_SLOTS):
        path = run / f"gateway-{number}.lock"
        if mine and not path.exists():
            break
        lock = path.open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            others = True
            continue
        if mine:
            lock.close()
        else:
            mine = (number, lock)
    if mine is None:
        raise OSError(f"{_MOST_SLOTS} gateways run for {run.parent} already")
    return Slot(mine[0], not others, mine[1])


def listeners(settings: Settings, slot: Slot) -> tuple[socket.socket, socket.socket]:
    """Return the sockets of the API and of the redirect: the supervisor's, or our own."""
    if settings.listeners:
        api, redirect = (socket.socket(fileno=number) for number in settings.listeners)
        for inherited in (api, redirect):
            inherited.set_inheritable(False)
        return api, redirect
    shared = settings.gateways > 1
    api = listen(settings.host, settings.port, shared=shared, alone=slot.alone)
    return api, listen(settings.host, settings.proxy_port, shared=shared, alone=slot.alone)


class Server(uvicorn.Server):
    """uvicorn, told when it listens and stopped by us."""

    def __init__(
        self,
        gateway: Gateway,
        listening: Callable[[], None],
        *,
        patience: float = PATIENCE,
        longest_call: float = DRAIN_SECONDS,
    ) -> None:
        self._connections = prompt(patience)
        super().__init__(
            uvicorn.Config(
                gateway,
                http=self._connections,
                ws="none",
                loop="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=DRAIN_SECONDS,
            )
        )
        self._listening, self._longest_call = listening, longest_call

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so once requests are taken."""
        await super().startup(sockets)
        self._listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `stop_on_signals`, which does not raise them again at the end."""
        yield

    def stop_on_signals(self) -> None:
        """Drain and end on SIGTERM or SIGINT, more patiently on SIGUSR1."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGUSR1, self.give_way)

    def stop(self) -> None:
        """Take no more requests, finish those under way, then end."""
        self.should_exit = True

    def give_way(self) -> None:
        """Leave new connections to another process, and end once nobody can be in the middle of a call.

        A connection is closed with its next answer, or when it has rested: one that a client is just about to
        use stays open.
        """
        self._connections.rest = IDLE_SECONDS
        self.config.timeout_graceful_shutdown = math.ceil(self._longest_call + IDLE_SECONDS)
        self.should_exit = True


def announce(run: Path, slot: Slot, told: dict[str, object]) -> None:
    """Write down where this gateway listens; the first one's file is what everybody reads."""
    path = run / ("gateway.json" if slot.number == 0 else f"gateway-{slot.number}.json")
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"pid": os.getpid(), **told}))
    temporary.replace(path)

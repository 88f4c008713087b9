"""One model of many: the processes that serve it, forked from a master that has imported the framework."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from toolkit.contract import MODEL_DIRECTORY
from toolkit.server import children, memory, worker
from toolkit.server.board import Board
from toolkit.server.master import complaint
from toolkit.server.messages import Model, Source

State = Literal["loading", "ready", "leaving"]
_FIRST_TO_GO = "500"  # to the kernel, when memory is out: a model rather than the server


class Order(NamedTuple):
    """What the front wants; `number` is for its answer."""

    number: int
    name: str
    url: str
    target: str


class Hosted:
    """A model with its processes, its socket and its output."""

    def __init__(self, order: Order, path: Path, workers: int) -> None:
        self.name, self.url, self.target, self.path = order.name, order.url, order.target, path
        self.state: State = "loading"
        self.began = time.monotonic()
        self.waiting: list[int] = [order.number]
        self.after: list[Order] = []  # wanted again before it was gone
        self.pids: dict[int, int] = {}
        self.ready: set[int] = set()
        self.hung: set[int] = set()
        self.memory = self.at_first = 0
        self.said, self.ended = "", ""
        self.board, self._workers = Board(workers), workers
        self._line, self._written = b"", -1
        self.listener = socket.socket(socket.AF_UNIX)
        try:
            path.unlink(missing_ok=True)
            self.listener.bind(str(path))
            self.listener.setblocking(False)
            self.output, self._written = os.pipe2(os.O_CLOEXEC)
        except OSError:
            self.close()
            raise
        os.set_blocking(self.output, False)

    def fork(self, source: Source, tell: int, shut: Callable[[], None]) -> None:
        """Start the processes; each says on `tell` how loading went. `shut` closes what is the master's."""
        try:
            for slot in range(self._workers):
                self.pids[children.fork(partial(self._work, slot, source, tell, shut))] = slot
        finally:
            self._close_written()

    def measure(self) -> None:
        """Look how much memory the processes have of their own."""
        self.memory = sum(memory.private(pid) for pid in self.pids)

    def stuck(self, now: float, timeout: float) -> Iterable[tuple[int, int]]:
        """Return the processes, with their slots, that have been in one prediction for too long."""
        return [
            (pid, slot)
            for pid, slot in self.pids.items()
            if self.board.busy_seconds(slot, now) > timeout and pid not in self.hung
        ]

    def dismiss(self, number: int = signal.SIGTERM) -> None:
        """Let nobody come any more, and end the processes: by SIGTERM once they have answered."""
        self.state = "leaving"
        self.path.unlink(missing_ok=True)
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def lines(self) -> tuple[list[bytes], bool]:
        """Return what the model printed since the last time, and whether anybody can still print."""
        try:
            piece = os.read(self.output, 1 << 16)
        except BlockingIOError:
            return [], True
        if not piece:
            return ([self._line] if self._line else []), False
        *lines, self._line = (self._line + piece).split(b"\n")
        if len(self._line) > 1 << 16:  # whoever never ends a line is not waited for
            lines.append(self._line)
            self._line = b""
        return lines, True

    def close(self) -> None:
        """Give back what the master has of it; the output is read to its end before."""
        self.listener.close()
        self.path.unlink(missing_ok=True)
        self._close_written()

    def _close_written(self) -> None:
        if self._written >= 0:
            os.close(self._written)
            self._written = -1

    def _work(self, slot: int, source: Source, tell: int, shut: Callable[[], None]) -> int:
        shut()
        os.close(self.output)
        os.dup2(self._written, 1)
        os.dup2(self._written, 2)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
        os.environ[MODEL_DIRECTORY] = self.url
        os.environ.pop("TOOLKIT_PRELOADED", None)  # nothing is started over: the master has other models
        pid = os.getpid()

        def load() -> Model:
            source.prepare()
            return source.load()

        def ready() -> None:
            os.write(tell, b"R%d\0" % pid)

        place = worker.Place(slot, self.board, (self.listener,), self._workers, ready)
        try:
            return worker.run(load, place)
        except BaseException as wrong:
            kind = b"M" if isinstance(wrong, MemoryError) else b"L"
            os.write(tell, b"%s%d " % (kind, pid) + complaint(wrong) + b"\0")
            return worker.LOAD_FAILED

"""The master process: binds the sockets, forks workers, replaces the ones that die or hang, ends the server
cleanly."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from toolkit.environment import cpus
from toolkit.failure import UserError, report, trace
from toolkit.server import children, worker
from toolkit.server.board import Board
from toolkit.server.messages import Source

LOOK_SECONDS = 0.5
CRASHES, CRASH_SECONDS = 5, 60.0
DRAIN_SECONDS = 60.0


class Settings(NamedTuple):
    """How to serve, from the environment."""

    unix: Path | None
    port: int | None
    host: str
    workers: int
    timeout_seconds: float


class Ended(Exception):
    """The server cannot go on; the text says why."""


def settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; without a unix socket the server listens on port 8080."""
    unix = environment.get("SAGEMAKER_BIND_TO_SOCKET")
    port = environment.get("SAGEMAKER_BIND_TO_PORT") or (None if unix else "8080")
    try:
        return Settings(
            unix=Path(unix) if unix else None,
            port=int(port) if port else None,
            host=environment.get("SAGEMAKER_BIND_TO_HOST", "127.0.0.1"),
            workers=max(1, int(environment.get("SAGEMAKER_MODEL_SERVER_WORKERS") or cpus())),
            timeout_seconds=float(environment.get("SAGEMAKER_MODEL_SERVER_TIMEOUT") or 60),
        )
    except ValueError as wrong:
        raise UserError(f"A SAGEMAKER_… setting of the model server is not a number: {wrong}") from wrong


class Master:
    """Keeps `workers` processes serving one source until SIGTERM."""

    def __init__(self, chosen: Settings, source: Source) -> None:
        self._chosen, self._source = chosen, source
        self._board = Board(chosen.workers)
        self._sockets = bind(chosen)
        self._slots: dict[int, int] = {}
        self._hung: set[int] = set()
        self._ready: set[int] = set()
        self._crashes: deque[float] = deque(maxlen=CRASHES)
        self._stopping = False
        self._heard, self._tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def run(self) -> None:
        """Serve; raise Ended when the model cannot be loaded or the workers keep dying."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cpus() // self._chosen.workers)))
        try:
            for slot in range(self._chosen.workers):
                self._fork(slot)
            while not self._stopping:
                self._wait(LOOK_SECONDS)
                self._bury()
                self._watch()
        finally:
            self._end()

    def _fork(self, slot: int) -> None:
        self._board.end(slot)
        self._slots[children.fork(lambda: self._work(slot))] = slot

    def _work(self, slot: int) -> int:
        pid = os.getpid()
        place = worker.Place(
            slot, self._board, self._sockets, self._chosen.workers, lambda: self._say_ready(pid)
        )
        try:
            return worker.run(self._source.load, place)
        except BaseException as wrong:
            return self._load_failed(wrong)

    def _load_failed(self, wrong: BaseException) -> int:
        os.write(self._tell, b"L" + complaint(wrong) + b"\0")
        return worker.LOAD_FAILED

    def _say_ready(self, pid: int) -> None:
        os.write(self._tell, b"R%d\0" % pid)

    def _wait(self, seconds: float) -> None:
        select.select([self._woken, self._heard], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(self._heard, 65536)
        for word in filter(None, said.split(b"\0")):
            if word[:1] == b"R":
                self._note_ready(int(word[1:]))
            else:
                raise Ended(f"The model could not be loaded.\n{word[1:].decode(errors='replace')}")

    def _note_ready(self, pid: int) -> None:
        self._ready.add(pid)
        if len(self._ready) == 1:
            where = [str(self._chosen.unix)] if self._chosen.unix else []
            where += (
                [f"{self._chosen.host}:{self._sockets[-1].getsockname()[1]}"]
                if self._chosen.port is not None
                else []
            )
            print(
                f"Model server ready on {' and '.join(where)}, {self._chosen.workers} worker(s).", flush=True
            )

    def _bury(self) -> None:
        while self._slots:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if (slot := self._slots.pop(pid, None)) is None:
                continue
            reason = ending(status, hung=pid in self._hung, timeout=self._chosen.timeout_seconds)
            if self._stopping:
                continue
            if os.waitstatus_to_exitcode(status) == worker.LOAD_FAILED:
                self._wait(0)
            if pid not in self._ready:
                raise Ended(f"A model server worker {reason} before its model was loaded.")
            self._note_crash(reason, in_prediction=self._board.busy_seconds(slot, time.monotonic()) > 0)
            self._fork(slot)

    def _note_crash(self, reason: str, *, in_prediction: bool) -> None:
        """Give up on workers that keep ending by themselves; what a request ends is its caller's loss."""
        report(f"A model server worker {reason}; it is replaced.")
        if in_prediction:
            return
        now = time.monotonic()
        self._crashes.append(now)
        if len(self._crashes) == CRASHES and now - self._crashes[0] < CRASH_SECONDS:
            raise Ended(
                f"{CRASHES} model server workers ended within {CRASH_SECONDS:.0f} s; the last one {reason}."
            )

    def _watch(self) -> None:
        now = time.monotonic()
        for pid, slot in list(self._slots.items()):
            if self._board.busy_seconds(slot, now) > self._chosen.timeout_seconds and pid not in self._hung:
                self._hung.add(pid)
                report(
                    f"Worker {pid} has been in one prediction for {self._chosen.timeout_seconds:g} s. It "
                    f"is here:"
                )
                os.kill(pid, signal.SIGUSR1)  # faulthandler prints every thread's stack
                time.sleep(0.1)
                os.kill(pid, signal.SIGKILL)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> None:
        self._stopping = True
        for pid in self._slots:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._slots and time.monotonic() < deadline:
            select.select([self._woken], [], [], 0.05)
            self._bury()
        for pid in self._slots:
            os.kill(pid, signal.SIGKILL)
        if self._chosen.unix:
            self._chosen.unix.unlink(missing_ok=True)


def bind(chosen: Settings) -> list[socket.socket]:
    """Bind the sockets that the server listens on."""
    sockets: list[socket.socket] = []
    try:
        if chosen.unix:
            chosen.unix.parent.mkdir(parents=True, exist_ok=True)
            chosen.unix.unlink(missing_ok=True)
            sockets.append(socket.socket(socket.AF_UNIX))
            sockets[-1].bind(str(chosen.unix))
        if chosen.port is not None:
            sockets.append(socket.socket(socket.AF_INET))
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sockets[-1].bind((chosen.host, chosen.port))
    except OSError as wrong:
        raise UserError(f"The model server cannot listen on {chosen.unix or chosen.port}: {wrong}") from wrong
    for one in sockets:
        one.setblocking(False)
    return sockets


def complaint(wrong: BaseException) -> bytes:
    """Word why a model could not be loaded, short enough for one write to a pipe."""
    said = str(wrong) if isinstance(wrong, UserError) else trace(wrong)
    said = said.replace("\0", "?")  # which is where a message ends
    said = said if len(said) <= 3600 else f"{said[:1200]} … {said[-2400:]}"
    return said.encode(errors="backslashreplace")[:3900]


def ending(status: int, *, hung: bool, timeout: float) -> str:
    """Say how a process ended."""
    code = os.waitstatus_to_exitcode(status)
    if hung:
        limit = f"{timeout:g} s (SAGEMAKER_MODEL_SERVER_TIMEOUT)"
        return f"was in one prediction for more than {limit} and was killed"
    if code >= 0:
        return f"ended with exit code {code}"
    cause = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"was killed by {signal.Signals(-code).name}{cause}"

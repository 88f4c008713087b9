"""The process that has the handler, seen from the server: started, asked, timed, ended when it must be."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lambda_runtime import frames
from lambda_runtime.output import Log, Output
from lambda_runtime.settings import TASK_ROOT, Settings

LONGEST_ANSWER = 6_291_556
_LAST = 10.0  # Seconds that a process which hung up may take to end by itself; then its end is ours.
_LOOK = 0.05  # Seconds between looks at how much memory is in use.
_PAGE = os.sysconf("SC_PAGE_SIZE")
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


@dataclass
class Outcome:
    """How an invocation ended: its answer, an error document where `failed`."""

    failed: bool
    body: bytes
    note: str = ""
    """What the REPORT line says of an end that was not the handler's own."""


class Worker:
    """One process with its pipe and its socket.

    One that is `early` was started before anybody asked: its import has time of its own. Another one's import
    is a part of the invocation that it was started for. evidence/lambda.md
    """

    def __init__(self, settings: Settings, log: Log, *, early: bool) -> None:
        self._settings, self.early = settings, early
        self.began = time.monotonic()
        self.ready = 0.0
        self.peak = 0
        self.fault: bytes | None = None
        ours, theirs = socket.socketpair()
        reads, writes = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-u", str(_BOOTSTRAP), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=writes,
            stderr=writes,
            cwd=TASK_ROOT,
            env=_environment(settings),
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()
        os.close(writes)
        with contextlib.suppress(OSError):  # the kernel's choice, should memory run out
            Path(f"/proc/{self._process.pid}/oom_score_adj").write_text("1000")
        self._socket, self.output = ours, Output(reads, log)

    def prepared(self) -> bool:
        """Wait for the import as long as it has time of its own; False where that did not do."""
        return bool(self.ready) or self._await(self.began + self._settings.init) != "late"

    def invoke(self, head: dict[str, Any], event: bytes) -> Outcome:
        """Have one event handled, or say how it ended otherwise."""
        mine = not self.early and not self.ready  # its start is a part of this invocation
        deadline = (self.began if mine else time.monotonic()) + self._settings.timeout
        if not self.ready and (ended := self._initialised(deadline, head["id"])):
            return ended
        try:
            frames.send(self._socket, {**head, "seconds": deadline - time.monotonic()}, event)
        except OSError:
            return self._ended(head["id"])
        told = self._await(deadline)
        if told == "late":
            return self._timed_out(head["id"])
        if told == "full":
            return self._out_of_memory(head["id"])
        message = frames.receive(self._socket)
        if message is None:
            return self._ended(head["id"])
        answer, body = message
        if len(body) > LONGEST_ANSWER:
            text = f"Response payload size exceeded maximum allowed payload size ({LONGEST_ANSWER} bytes)."
            return Outcome(True, _document("Function.ResponseSizeTooLarge", text))
        return Outcome(bool(answer["failed"]), body)

    def alive(self) -> bool:
        """Say whether it can be asked."""
        return self.fault is None and self._process.poll() is None

    def end(self) -> None:
        """Let nothing of it live on."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._socket.close()

    def memory(self) -> int:
        """Return the megabytes that were in use at most."""
        with contextlib.suppress(OSError, StopIteration, ValueError):
            lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
            line = next(each for each in lines if each.startswith("VmHWM:"))
            self.peak = max(self.peak, int(line.split()[1]) << 10)
        return -(-self.peak >> 20)

    def _initialised(self, deadline: float, request: str) -> Outcome | None:
        """Wait until the handler is imported; return what the caller is told where it is not."""
        told = self._await(deadline)
        if told == "late":
            return self._timed_out(request)
        if told == "full":
            return self._out_of_memory(request)
        message = frames.receive(self._socket)
        if message is None:
            return self._ended(request)
        head, body = message
        if not head["ready"]:
            self.fault = body
            return Outcome(True, body)
        self.ready = float(head["at"])
        return None

    def _await(self, deadline: float) -> str:
        """Wait for a message or the end; `late` where neither came in time, `full` where memory ran out."""
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        while True:
            left = max(0.0, deadline - time.monotonic())
            if poller.poll(min(left, _LOOK) * 1000):
                return "there"
            if self._resident() > self._settings.memory << 20:
                return "full"
            if not left:
                return "late"

    def _resident(self) -> int:
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            return 0
        self.peak = max(self.peak, pages * _PAGE)
        return pages * _PAGE

    def _timed_out(self, request: str) -> Outcome:
        self.memory()
        self.end()
        said = f"Task timed out after {self._settings.timeout:.2f} seconds"
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        document = _document("Sandbox.Timedout", f"RequestId: {request} Error: {said}")
        return Outcome(True, document, f"{at}Z {request} {said}\nStatus: timeout")

    def _out_of_memory(self, request: str) -> Outcome:
        self.end()
        return self._killed(request)

    def _killed(self, request: str) -> Outcome:
        said = f"RequestId: {request} Error: Runtime exited with error: signal: killed"
        note = f"{said}\nRuntime.OutOfMemory\nStatus: error\tError Type: Runtime.OutOfMemory"
        return Outcome(True, _document("Runtime.OutOfMemory", said), note)

    def _ended(self, request: str) -> Outcome:
        """Say how a process ended that did not answer."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST)
        self.end()
        code = self._process.returncode
        if code == -signal.SIGKILL:
            return self._killed(request)
        how = "without providing a reason" if code == 0 else f"with error: exit status {code}"
        if code < 0:
            how = f"with error: signal: {signal.strsignal(-code) or -code}".lower()
        said = f"RequestId: {request} Error: Runtime exited {how}"
        note = f"{said}\nRuntime.ExitError\nStatus: error\tError Type: Runtime.ExitError"
        return Outcome(True, _document("Runtime.ExitError", said), note)


def _document(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def _environment(settings: Settings) -> dict[str, str]:
    """Return the variables; what imports our own modules is found first."""
    found, ours = settings.environment(), str(_BOOTSTRAP.parents[1])
    theirs = settings.variables.get("PYTHONPATH")
    return {**found, "PYTHONPATH": f"{ours}:{theirs}" if theirs else ours}

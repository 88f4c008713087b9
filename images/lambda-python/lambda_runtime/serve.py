"""The server of one environment of a function: POST /invocations takes one event at a time, GET /ping is 200.

A request is known by its `X-Lambda-Request-Id`, or by its own key, `X-Lambda-Durable`. One that comes again
while the first is worked on waits for the same answer, and those with a key are remembered: such a one
runs once, however often its caller had to start over. Another one meanwhile is turned away with 409.
"""

from __future__ import annotations

import base64
import contextlib
import math
import os
import signal
import socketserver
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from lambda_runtime import settings as settings_of
from lambda_runtime import task
from lambda_runtime.output import Log
from lambda_runtime.settings import Settings
from lambda_runtime.worker import Outcome, Worker

REMEMBERED = 16 << 20
"""Bytes of answers to durable invocations that are kept."""

_FAULT = b'{"errorType": "Runtime.Unknown", "errorMessage": "The environment could not run the function."}'


@dataclass
class Job:
    """One invocation, and once `done` what became of it."""

    done: threading.Event = field(default_factory=threading.Event)
    failed: bool = False
    body: bytes = b""
    log: bytes = b""


class Environment:
    """One function's handler with everything around it."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self._settings, self._log = settings, log
        self._lock = threading.Lock()
        self._running: tuple[str, Job] | None = None
        self._answers: OrderedDict[str, Job] = OrderedDict()
        self._broken, self._told = b"", False
        try:
            task.unpack(settings_of.ARCHIVE, settings_of.TASK_ROOT)
        except task.BadArchive as error:
            self._broken = b'{"errorType": "InvalidZipFileException", "errorMessage": "%s"}' % (
                str(error).replace("\\", " ").replace('"', "'").encode()
            )
        self._worker = None if self._broken else Worker(settings, log, early=True)

    def invoke(self, head: dict[str, Any], event: bytes, durable: str | None) -> Job | None:
        """Return what becomes of an invocation; None where another one is worked on."""
        request = durable or str(head["id"])
        with self._lock:
            known = self._answers.get(request)
            if known is None and self._running and self._running[0] == request:
                known = self._running[1]
            if known is None and self._running:
                return None
            job = known or Job()
            if known is None:
                self._running = request, job
        if known is not None:
            known.done.wait()
            return known
        whole = False
        try:
            self._work(job, head, event)
            whole = True
        finally:
            if not whole:  # the machine failed us: whoever asks again begins anew
                job.failed, job.body = True, _FAULT
            with self._lock:
                self._running = None
                if durable and whole:
                    self._remember(request, job)
            job.done.set()
        return job

    def close(self) -> None:
        """End the function's process."""
        if self._worker:
            self._worker.end()

    def _remember(self, request: str, job: Job) -> None:
        self._answers[request] = job
        while len(self._answers) > 1 and sum(len(each.body) for each in self._answers.values()) > REMEMBERED:
            self._answers.popitem(last=False)

    def _work(self, job: Job, head: dict[str, Any], event: bytes) -> None:
        request, log = head["id"], self._log
        log.begin()
        worker = self._ready()
        log.line(f"START RequestId: {request} Version: {self._settings.version}")
        began = time.monotonic()
        outcome = worker.invoke(head, event) if worker else Outcome(True, self._broken)
        if worker:
            worker.output.drain()
        self._report(request, outcome, worker, time.monotonic() - began)
        job.failed, job.body, job.log = outcome.failed, outcome.body, log.tail()

    def _ready(self) -> Worker | None:
        """Return the process that is to handle the next event: another one where the last is of no use."""
        worker = self._worker
        if worker is None:
            return None
        late = worker.alive() and worker.early and not worker.prepared()
        if late:
            seconds = time.monotonic() - worker.began
            self._log.line(f"INIT_REPORT Init Duration: {seconds * 1e3:.2f} ms\tPhase: init\tStatus: timeout")
        if late or not worker.alive():
            worker.end()
            self._worker = Worker(self._settings, self._log, early=False)
        return self._worker

    def _report(self, request: str, outcome: Outcome, worker: Worker | None, seconds: float) -> None:
        *lines, status = outcome.note.split("\n")
        for line in lines:
            self._log.line(line)
        self._log.line(f"END RequestId: {request}")
        told = [
            f"REPORT RequestId: {request}",
            f"Duration: {seconds * 1e3:.2f} ms",
            f"Billed Duration: {max(1, math.ceil(seconds * 1e3))} ms",
            f"Memory Size: {self._settings.memory} MB",
            f"Max Memory Used: {worker.memory() if worker else 0} MB",
        ]
        if worker and worker.early and worker.ready and not self._told:
            self._told = True
            told.append(f"Init Duration: {(worker.ready - worker.began) * 1e3:.2f} ms")
        if status:
            told.append(status)
        self._log.line("\t".join(told))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    environment: Environment

    def do_GET(self) -> None:
        """Say that the server is there."""
        self._answer(200 if self.path == "/ping" else 404, b"")

    def do_POST(self) -> None:
        """Take one event."""
        event = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        head = {
            "id": self.headers["X-Lambda-Request-Id"],
            "arn": self.headers["X-Lambda-Function-Arn"],
            "client": _decoded(self.headers.get("X-Lambda-Client-Context")),
        }
        job = self.environment.invoke(head, event, self.headers.get("X-Lambda-Durable"))
        if job is None:
            self._answer(409, b"")
            return
        more = {"X-Lambda-Log": base64.b64encode(job.log).decode()}
        if job.failed:
            more["X-Lambda-Function-Error"] = "Unhandled"
        self._answer(200, job.body, more)

    def address_string(self) -> str:
        """Return who asks: a unix socket has no addresses."""
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the function's log."""

    def _answer(self, status: int, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Connections to a unix socket, a thread each."""

    daemon_threads = True
    request_queue_size = 64


def main() -> int:
    """Serve until told to stop."""
    path = Path(os.environ["SAGEMAKER_BIND_TO_SOCKET"])
    Handler.environment = Environment(settings_of.read(), Log())
    with contextlib.suppress(FileNotFoundError):
        path.unlink()

    def stop(*_: object) -> None:
        Handler.environment.close()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    with Server(str(path), Handler) as server:
        server.serve_forever()
    return 0


def _decoded(text: str | None) -> str | None:
    return base64.b64decode(text).decode() if text else None


if __name__ == "__main__":
    sys.exit(main())

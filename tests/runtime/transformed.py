"""A model server of the tests' own, and the driver of a transform run against it."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clary.runtime.jobdir import JobDirectory
from clary.runtime.place import hold
from clary.runtime.spec import Item, RunSpec, Transform
from clary.runtime.transform.driving import Driving
from clary.runtime.transform.ledger import finished, folder

Answer = tuple[int, bytes | Iterable[bytes]]
"""A status and a body, whole or as it comes; without a status the connection is closed."""

Model = Callable[[bytes], Answer]


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A model server; it counts how many requests it answers at a time."""

    daemon_threads = True

    def __init__(self, path: str, model: Model, told: dict[str, Any] | None = None) -> None:
        super().__init__(path, Handler)
        self.model, self.told = model, told
        self.busy = self.most = 0
        self.closes = False  # each connection, after an answer that did not say so
        self.farewell = b""  # what it says after that answer, to nobody
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def answer(self, body: bytes, headers: dict[str, str]) -> Answer:
        with self.lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
            self.bodies.append(body)
            self.headers.append(headers)
        try:
            return self.model(body)
        finally:
            with self.lock:
                self.busy -= 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        told = self.server.told
        self.reply(404 if told is None else 200, json.dumps(told).encode())

    def do_POST(self) -> None:
        if self.headers["Transfer-Encoding"] == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.server.answer(body, dict(self.headers))
        if not status:
            self.close_connection = True
        elif isinstance(answer, bytes):
            self.reply(status, answer)
        else:
            self.stream(status, answer)

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.server.closes:
            self.wfile.write(self.server.farewell)
            self.close_connection = True

    def stream(self, status: int, pieces: Iterable[bytes]) -> None:
        self.send_response(status)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:  # whoever asked has heard enough
            self.close_connection = True

    def address_string(self) -> str:
        return "driver"

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serving(root: Path, model: Model, told: dict[str, Any] | None = None) -> Iterator[Server]:
    server = Server(str(root / "s"), model, told)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def prepare(root: Path, files: dict[str, bytes], **members: Any) -> JobDirectory:
    """Make a transform's directory, ready for its driver."""
    job = JobDirectory(root.absolute() / "run")
    job.path.mkdir()
    items: list[Item] = []
    for name, content in files.items():
        source = root.absolute() / f"object-{len(items)}"
        source.write_bytes(content)
        items.append(Item(source=source, name=name, uri=f"s3://box/in/{name}"))
    transform = Transform(items=tuple(items), **{"retries": 0, **members})
    spec = RunSpec(uid="run", image="i", program="serve", serves=True, transform=transform)
    hold(job, spec)
    job.write_spec(spec)
    return job


def drive(root: Path, files: dict[str, bytes], **members: Any) -> tuple[str, dict[str, bytes], list[str]]:
    """Run a transform; return its last words, its outputs by name, and its log without times."""
    job = prepare(root, files, **members)
    words = Driving(job, root / "s").run()
    outputs = {name: path.read_bytes() for name, path in finished(folder(job)).items()}
    log = [line.partition(":[sagemaker logs]: ")[2] for line in job.data_log.read_text().splitlines()]
    left = [each.name for each in folder(job).iterdir() if each.suffix != ".out"]
    assert left == ["index.jsonl"] and len(list(folder(job).glob("*.out"))) == len(outputs)
    return words, outputs, log

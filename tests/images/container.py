"""Runs an image's program by hand, as a plain process with its own /opt/ml."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "images"
HERE = Path(__file__).resolve().parent
START_SECONDS = 180  # an import of Transformers takes a minute on busy cores


class Container:
    """One /opt/ml and the programs that run over it."""

    def __init__(self, base: Path, python: str = sys.executable, image: str = "") -> None:
        self.base, self.python = base, python
        self.ml = base / "ml"
        for name in ("input/config", "input/data", "model"):
            (self.ml / name).mkdir(parents=True, exist_ok=True)
        folders = [IMAGES / "toolkit", *([IMAGES / image] if image else []), HERE]
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "SAGEMAKER_BASE_DIR": str(self.ml),
        }

    def configure(
        self, hyperparameters: Mapping[str, object], channels: Mapping[str, object] | None = None
    ) -> None:
        """Write the configuration files."""
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in hyperparameters.items()
        }
        resources = {"current_host": "algo-1", "hosts": ["algo-1"]}
        files = {"hyperparameters": texts, "inputdataconfig": channels or {}, "resourceconfig": resources}
        for name, content in files.items():
            (self.ml / "input/config" / f"{name}.json").write_text(json.dumps(content))

    def source(self, name: str, text: str) -> Path:
        """Write one file of a user's source and return its directory."""
        folder = self.base / "source"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        return folder

    def script(self, text: str, **hyperparameters: object) -> None:
        """Submit a script as train.py."""
        folder = self.source("train.py", text)
        names = {
            "sagemaker_program": json.dumps("train.py"),
            "sagemaker_submit_directory": json.dumps(str(folder)),
        }
        self.configure({**names, **hyperparameters})

    def start(self, module: str, **environment: str) -> subprocess.Popen[str]:
        """Start a program."""
        return subprocess.Popen(  # noqa: S603 - our own programs
            [self.python, "-m", module],
            cwd=self.base,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, module: str = "toolkit.train", **environment: str) -> tuple[int, str]:
        """Run a program to its end; return its exit code and what it printed."""
        process = self.start(module, **environment)
        said, _ = process.communicate(timeout=START_SECONDS)
        return process.returncode, said

    @property
    def failure(self) -> str:
        """What the program left as the reason of its failure."""
        path = self.ml / "output/failure"
        return path.read_text() if path.exists() else ""

    @contextmanager
    def serve(self, module: str, **environment: str) -> Iterator[Server]:
        """Serve until the block ends, then stop the server as SageMaker does."""
        path = self.base / "http.sock"
        process = self.start(module, SAGEMAKER_BIND_TO_SOCKET=str(path), **environment)
        server = Server(process, path)
        try:
            server.wait_for("Model server ready")
            yield server
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                server.output += process.communicate(timeout=START_SECONDS)[0]


class Server:
    """A running model server and what it has printed."""

    def __init__(self, process: subprocess.Popen[str], path: Path) -> None:
        self.process, self.path, self.output = process, path, ""

    def wait_for(self, text: str) -> None:
        """Read the output until it contains the text."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + START_SECONDS
        poller = select.poll()
        poller.register(self.process.stdout, select.POLLIN)
        while text not in self.output:
            ready = poller.poll(max(0.0, deadline - time.monotonic()) * 1000)
            said = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert said, f"no {text!r} in:\n{self.output}"
            self.output += said.decode()

    def connect(self) -> socket.socket:
        """Open a connection."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(START_SECONDS)
        connection.connect(str(self.path))
        return connection

    def invoke(
        self, body: bytes | str, content_type: str = "text/csv", accept: str = ""
    ) -> tuple[int, str, bytes]:
        """Call /invocations; return the status, the content type and the body."""
        headers = {"Content-Type": content_type, **({"Accept": accept} if accept else {})}
        return self.request("POST", "/invocations", body, headers)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, bytes]:
        """Send one request on a connection of its own."""
        client = http.client.HTTPConnection("localhost")
        client.sock = self.connect()
        try:
            client.request(method, path, body, dict(headers or {}))
            answer = client.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        finally:
            client.close()


def answers(connection: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Read pipelined answers from a raw connection."""
    found: list[tuple[int, bytes]] = []
    file = connection.makefile("rb")
    for _ in range(count):
        status = int(file.readline().split()[1])
        length = 0
        while (line := file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        found.append((status, file.read(length)))
    return found


def recorded(name: str) -> Any:
    """Load a recorded file."""
    return json.loads((HERE / "recorded" / name).read_text())

"""Lambda's runtime by hand: one event at a time, each attempt once, archives that mean harm."""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from lambda_runtime.task import BadArchive, unpack

SOURCE = Path(__file__).resolve().parents[2] / "images" / "lambda-python"
CODE = """
import os, pathlib, sys, time
print("imported")
began = time.monotonic()
while pathlib.Path("held").exists():
    time.sleep(0.005)
def handler(event, context):
    with open("marks", "a") as marks:
        marks.write(event["n"])
    while event.get("held") and not pathlib.Path("go").exists():
        time.sleep(0.005)
    if event["n"] == "exit":
        os._exit(7)
    told = {"n": event["n"], "pid": os.getpid()}
    if event["n"].startswith("timed"):
        told["left"] = context.get_remaining_time_in_millis() + (time.monotonic() - began) * 1000
    return told
"""


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("function")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


class Environment:
    """One running environment."""

    def __init__(self, base: Path) -> None:
        self.base, self.socket = base, base / "s"

    def ask(self, n: str, *, key: str = "", held: bool = False) -> tuple[int, bytes]:
        """Send an event; return the status and the answer."""
        connection = Connection(self.socket)
        headers = {"X-Lambda-Request-Id": f"request-{n}", "X-Lambda-Function-Arn": "arn"}
        headers |= {"X-Lambda-Durable": key} if key else {}
        connection.request("POST", "/invocations", json.dumps({"n": n, "held": held}), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def marks(self) -> str:
        """Return what the handler left of each event that it took."""
        path = self.base / "task" / "marks"
        return path.read_text() if path.exists() else ""

    def until_marked(self, marks: str) -> None:
        """Wait until the handler is at work."""
        end = time.monotonic() + 90
        while self.marks() != marks:
            assert time.monotonic() < end
            time.sleep(0.005)

    def go(self) -> None:
        """Let the handler go on."""
        (self.base / "task" / "go").touch()


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    with running(tmp_path, init=90) as made:
        yield made


@contextmanager
def running(tmp_path: Path, **settings: object) -> Iterator[Environment]:
    """Have an environment."""
    with zipfile.ZipFile(tmp_path / "function.zip", "w") as archive:
        archive.writestr("app.py", CODE)
    told = {"name": "f", "version": "$LATEST", "handler": "app.handler", "runtime": "python3.12"}
    more = {"memory": 256, "timeout": 60, "group": "g", "stream": "s"}
    (tmp_path / "function.json").write_text(json.dumps({**told, **more, **settings}))
    made = Environment(tmp_path)
    variables = {
        **os.environ,
        "SAGEMAKER_BASE_DIR": str(tmp_path),
        "SAGEMAKER_BIND_TO_SOCKET": str(made.socket),
        "PYTHONPATH": str(SOURCE),
    }
    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, "-m", "lambda_runtime.serve"]
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)  # noqa: S603
    end = time.monotonic() + 90
    while not made.socket.exists():
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < end
        time.sleep(0.005)
    yield made
    process.terminate()
    assert process.wait(90) == 0


def test_one_attempt_is_handled_once_however_often_it_is_asked_for(environment: Environment) -> None:
    first = environment.ask("1", key="a")
    assert first[0] == 200
    assert environment.ask("1", key="a") == first
    assert environment.ask("1", key="b") == first  # the same answer, of another attempt
    assert environment.marks() == "11"


def test_who_comes_again_waits_for_the_same_answer_and_others_are_turned_away(
    environment: Environment,
) -> None:
    answers: list[tuple[int, bytes]] = []

    def ask() -> None:
        answers.append(environment.ask("1", key="a", held=True))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    environment.until_marked("1")
    threads[1].start()
    assert environment.ask("2")[0] == 409
    environment.go()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert environment.ask("2")[0] == 200
    assert environment.marks() == "12"


def test_the_log_is_whole_when_the_answer_is_there(environment: Environment) -> None:
    environment.ask("1")
    lines = (environment.base / "log").read_text().splitlines()
    assert sorted(lines[:2]) == ["START RequestId: request-1 Version: $LATEST", "imported"]
    assert lines[2] == "END RequestId: request-1"
    assert lines[3].startswith("REPORT RequestId: request-1\tDuration: ")


def reports(environment: Environment, kind: str = "REPORT") -> list[str]:
    """Return the log's lines of one kind."""
    lines = (environment.base / "log").read_text().splitlines()
    return [line for line in lines if line.startswith(f"{kind} ")]


def test_an_import_has_time_of_its_own_and_then_that_of_the_invocation(tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "held").touch()
    with running(tmp_path, init=0.2) as environment, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(environment.ask, "timed")
        end = time.monotonic() + 90
        while not reports(environment, "INIT_REPORT"):
            assert time.monotonic() < end
            time.sleep(0.005)
        (tmp_path / "task" / "held").unlink()
        status, body = asked.result()
        [late], [report] = reports(environment, "INIT_REPORT"), reports(environment)
    assert status == 200
    assert json.loads(body)["left"] <= 60_000  # since the second import began
    assert late.endswith("\tPhase: init\tStatus: timeout")
    assert "Init Duration" not in report


def test_a_process_that_is_started_anew_has_no_time_of_its_own(environment: Environment) -> None:
    first, ended, again = (json.loads(environment.ask(n)[1]) for n in ("1", "exit", "timed"))
    assert ended["errorType"] == "Runtime.ExitError"
    assert again["pid"] != first["pid"]
    assert again["left"] <= 60_000
    assert ["Init Duration" in line for line in reports(environment)] == [True, False, False]


def test_an_import_that_takes_the_invocations_time_too_is_timed_out(tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "held").touch()
    with running(tmp_path, init=0.1, timeout=0.3) as environment:
        told = json.loads(environment.ask("1")[1])
        assert told["errorType"] == "Sandbox.Timedout"
        (tmp_path / "task" / "held").unlink()


def packed(path: Path, *items: tuple[str, bytes, int]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in items:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


@pytest.mark.parametrize("name", ["../out.py", "/out.py", "a/../../out.py"])
def test_nothing_is_laid_out_elsewhere(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path / "f.zip", (name, b"x", 0o644))
    with pytest.raises(BadArchive, match="outside"):
        unpack(archive, tmp_path / "task")
    assert not list(tmp_path.rglob("out.py"))


def test_links_are_left_out_and_programs_can_be_run(tmp_path: Path) -> None:
    archive = packed(
        tmp_path / "f.zip", ("link", b"/etc/passwd", stat.S_IFLNK | 0o777), ("bin/run", b"#!/bin/sh\n", 0o755)
    )
    unpack(archive, tmp_path / "task")
    assert [path.name for path in (tmp_path / "task").iterdir()] == ["bin"]
    assert os.access(tmp_path / "task" / "bin" / "run", os.X_OK)


def test_sizes_are_counted_not_believed(tmp_path: Path) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(2 << 20))
    (tmp_path / "f.zip").write_bytes(written.getvalue())
    with pytest.raises(BadArchive, match="must be smaller"):
        unpack(tmp_path / "f.zip", tmp_path / "task", most=1 << 20)


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "f.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(BadArchive):
        unpack(tmp_path / "f.zip", tmp_path / "task")

"""Servers: ready when they answer, and what is said when they do not."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runtime.machine import PATIENCE, Machine

from clary.runtime.control import status
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.spec import Seen

SERVER = """
import http.server, os, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({code}); self.send_header('Content-Length', '0'); self.end_headers()
    def address_string(self): return 'unix'
    def log_message(self, *a): pass
class Server(socketserver.UnixStreamServer): pass
with Server(os.environ['SAGEMAKER_BIND_TO_SOCKET'], Handler) as server:
    print('listening')
    server.serve_forever()
"""


def serve(machine: Machine, code: str, startup: float = PATIENCE) -> str:
    """Start a server and return its uid."""
    return machine.start("python", "-c", code, program="serve", serves=True, startup=startup)


def test_a_server_is_ready_once_it_answers_ping(machine: Machine) -> None:
    uid = serve(machine, SERVER.format(code=200))
    seen = machine.until(uid, "ready", "exited")
    assert seen.phase == "ready", seen
    assert seen.socket
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(seen.socket))
        caller.sendall(b"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert caller.recv(64).startswith(b"HTTP/1.0 200")


def test_runs_whose_uids_begin_alike_keep_apart(machine: Machine) -> None:
    uids = ["endpoint-0123456789abcdef-host-1", "endpoint-0123456789abcdef-host-2"]
    for uid in uids:
        machine.start("python", "-c", SERVER.format(code=200), program="serve", serves=True, uid=uid)
    first, second = (machine.until(uid, "ready", "exited") for uid in uids)
    assert first.phase == second.phase == "ready"
    assert first.socket != second.socket
    machine.runtime.kill(uids[0])
    machine.until(uids[0])
    assert machine.runtime.inspect(uids[1]).phase == "ready"


def test_a_server_that_is_stopped_has_not_failed(machine: Machine) -> None:
    uid = serve(machine, SERVER.format(code=200))
    machine.until(uid, "ready")
    machine.runtime.stop(uid)
    seen = machine.until(uid)
    assert (seen.signal, seen.failure) == (signal.SIGTERM, "")


def test_a_server_that_raises_tells_its_traceback(machine: Machine) -> None:
    seen = machine.until(serve(machine, "raise FileNotFoundError('/opt/ml/model/model.bin')"))
    assert "before it answered GET /ping" in seen.failure
    assert "FileNotFoundError: /opt/ml/model/model.bin" in seen.failure


def test_a_server_that_never_answers_200_names_the_limit_and_the_cure(machine: Machine) -> None:
    code = SERVER.format(code=500)
    speaks = ("sh", "-c", 'echo listening; exec python -c "$CODE"')  # at once, however late Python begins
    said = {"CODE": code.replace("print", "str")}
    for startup in (1.5, 10, 40):  # on a busy machine the shell may begin later than the first
        uid = machine.start(*speaks, program="serve", serves=True, startup=startup, environment=said)
        seen = machine.until(uid)
        if "listening" in seen.failure:
            break
    assert "did not answer GET /ping with 200 within" in seen.failure
    assert "ContainerStartupHealthCheckTimeoutInSeconds" in seen.failure
    assert "listening" in seen.failure


IDLE = """
import os, socket, time
held = []
for family, address in {places}:
    held.append(socket.socket(family))
    held[-1].bind(address)
    held[-1].listen()
time.sleep(600)
"""
OWN = "[(socket.AF_UNIX, os.environ['SAGEMAKER_BIND_TO_SOCKET'])]"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            SERVER.format(code=503),
            r"within \d+ s: it answers 503 Service Unavailable\. It has \d\.\d\d of \d+\.\d GiB",
        ),
        (
            IDLE.format(places="[]"),
            r": nobody listens on the unix socket that SAGEMAKER_BIND_TO_SOCKET names\. It has",
        ),
        (
            IDLE.format(places="[(socket.AF_INET, ('127.0.0.1', 0)), (socket.AF_INET6, ('::1', 0))]"),
            r": nobody listens on the unix .*\. It listens on port \d+, \d+, where nobody asks\. It has",
        ),
        (IDLE.format(places=OWN), r": it takes connections and has no answer within 2 s\. It has"),
    ],
)
def test_a_server_that_is_not_ready_is_told_what_it_does_instead(
    machine: Machine, code: str, says: str
) -> None:
    speaks = ("sh", "-c", 'echo begun; exec python -c "$CODE"')
    for startup in (2, 10, 40):  # a busy machine's Python may take longer than the first
        uid = machine.start(
            *speaks, program="serve", serves=True, startup=startup, environment={"CODE": code}
        )
        found = machine.until(uid).failure
        if re.search(says, found):
            return
    raise AssertionError(found)


def test_a_server_that_ends_before_it_is_ready_is_told_its_memory(machine: Machine) -> None:
    waits = (
        "import os, time; held = bytearray(50 << 20)\nwhile not os.path.exists('/opt/ml/go'): time.sleep(.01)"
    )
    uid = serve(machine, waits)
    machine.look(uid, lambda _: bool(machine.runtime.usage(uid, 0)))
    (machine.job(uid).ml / "go").touch()
    seen = machine.until(uid)
    assert re.search(
        r"exited with code 0 before it answered GET /ping with 200\. It had up to \d\.\d\d of", seen.failure
    ), seen.failure


def test_a_server_that_ends_by_itself_has_failed_even_with_exit_code_0(machine: Machine) -> None:
    code = SERVER.format(code=200).replace("server.serve_forever()", "server.handle_request()")
    uid = serve(machine, code)
    seen = machine.until(uid)
    assert seen.exit_code == 0
    assert "The server ended by itself" in seen.failure


def test_a_ready_server_that_is_killed_is_seen_as_ended(machine: Machine) -> None:
    uid = serve(machine, SERVER.format(code=200))
    machine.until(uid, "ready")
    machine.container(uid).send(signal.SIGKILL)
    seen = machine.until(uid)
    assert seen.signal == signal.SIGKILL
    assert seen.socket is None


def test_a_ready_server_whose_shim_is_killed_is_lost(machine: Machine) -> None:
    uid = serve(machine, SERVER.format(code=200))
    machine.until(uid, "ready")
    machine.shim(uid).send(signal.SIGKILL)
    assert "lost" in machine.until(uid).failure


def test_the_shim_answers_on_its_socket(machine: Machine) -> None:
    uid = serve(machine, SERVER.format(code=200))
    machine.until(uid, "ready")
    launch = machine.job(uid).launch()
    assert launch
    told = []

    def answers(_: Seen) -> bool:  # a busy shim may let a caller wait too long
        told.append(status(launch.sockets / "shim.sock"))
        return told[-1] is not None

    machine.look(uid, answers)
    assert told[-1] and told[-1]["phase"] == "ready"
    assert launch.sockets.stat().st_mode & 0o077 == 0


def test_every_change_of_phase_wakes_the_controller(machine: Machine) -> None:
    machine.home.run.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(machine.home.run / "wake.sock"))
        listener.settimeout(PATIENCE)
        uid = machine.start()
        assert listener.recv(64)
        machine.until(uid)


def test_a_home_with_a_long_path_still_has_sockets(tmp_path: Path, cache: Path) -> None:
    deep = Machine(tmp_path / ("d" * 120) / "home", cache)
    uid = serve(deep, SERVER.format(code=200))
    seen = deep.until(uid, "ready", "exited")
    assert seen.phase == "ready", seen
    assert seen.socket and len(str(seen.socket)) < 108
    assert seen.socket.parents[2].stat().st_mode & 0o077 == 0
    deep.close()


def test_the_shim_starts_without_any_installed_package(machine: Machine) -> None:
    listed = subprocess.run(
        [
            sys.executable,
            "-S",
            "-s",
            "-P",
            "-c",
            "import clary.runtime.shim, sys; print(sorted(sys.modules))",
        ],
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "asyncio" not in listed
    assert "site-packages" not in listed


@pytest.mark.slow
def test_a_server_that_leaks_is_ended_at_its_limit_and_says_so(tmp_path: Path, cache: Path) -> None:
    held = "if os.path.exists('/opt/ml/go'): kept.append(b'1' * (800 << 20))"  # once it was seen ready
    leaks = SERVER.format(code=200).replace("def do_GET(self):", f"def do_GET(self):\n        {held}")
    small = Machine(tmp_path / "home", cache, provisioner=LocalProvisioner(memory=1280 << 20))
    uid = serve(small, f"kept = []\n{leaks}")
    assert small.until(uid, "ready", "exited").phase == "ready"
    (small.job(uid).ml / "go").touch()
    seen = small.until(uid, "exited")
    assert seen.out_of_memory
    assert "OutOfMemoryError: The program used more than the 0.8 GiB" in seen.failure

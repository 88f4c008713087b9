"""`clary restart` where a new gateway does not come up: what it says then, and that the server goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.test_commands import LEFT_OUT, children, clary

from clary.cli.supervisor import READY_TIMEOUT

pytestmark = pytest.mark.slow

SERVER = """
import os, sys
from clary.cli.supervisor import Supervisor
from clary.core.settings import Settings

supervisor = Supervisor(Settings.from_environment(os.environ))
supervisor.start()
*_, last = [child for child in supervisor.children if child.role == "gateway"]
last.environment = {**last.environment, **dict(each.split("=") for each in sys.argv[1:])}
supervisor.run()
"""
"""A server whose last gateway's successors have other settings than the gateway itself."""


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Run such a server; it is ended by whoever asks for it, or here."""
    gateways, *changed = request.param
    (tmp_path / "sitecustomize.py").write_text("import signal; signal.pause()")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    environment |= {"CLARY_HOME": str(tmp_path), "CLARY_PORT": "0", "CLARY_GATEWAYS": gateways}
    line = [sys.executable, "-c", SERVER, *(each.format(tmp_path) for each in changed)]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(line, env=environment, stderr=said)  # noqa: S603 - ours
    until((tmp_path / "run" / "server.json").exists)
    until(lambda: len(children(process.pid, "gateway")) == int(gateways))
    until(lambda: len(list((tmp_path / "run").glob("gateway*.json"))) == int(gateways))
    yield tmp_path
    process.terminate()
    process.wait()


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("home", "says"),
    [
        (("1", "CLARY_GATEWAYS=none"), "The server was not restarted, and goes on as it was."),
        (("2", "CLARY_GATEWAYS=none"), "1 of its 2 gateways were replaced; the others, and the controller,"),
    ],
    indirect=["home"],
)
def test_what_was_not_replaced_is_said_and_the_server_goes_on(home: Path, says: str) -> None:
    told = clary("restart", home=home)
    assert told.returncode == 1
    assert says in told.stderr
    assert "A new gateway did not start: " in (home / "said").read_text()
    assert clary("status", home=home).returncode == 0


@pytest.mark.parametrize("home", [("1",)], indirect=True)
def test_a_controller_that_does_not_end_is_killed_and_another_runs_before_it_is_said(home: Path) -> None:
    supervisor = json.loads((home / "run" / "server.json").read_text())["pid"]
    (stuck,) = children(supervisor, "controller")
    os.kill(stuck, signal.SIGSTOP)
    told = clary("restart", home=home)
    assert told.returncode == 0, told.stderr
    (successor,) = children(supervisor, "controller")
    assert successor != stuck


@pytest.mark.parametrize("home", [("1", "PYTHONPATH={}")], indirect=True)
def test_while_a_new_gateway_is_awaited_others_are_minded_and_a_stop_is_heard(home: Path) -> None:
    supervisor = json.loads((home / "run" / "server.json").read_text())["pid"]
    begun = time.monotonic()
    os.kill(supervisor, signal.SIGUSR1)
    until(lambda: len(children(supervisor, "gateway")) == 2)
    (controller,) = children(supervisor, "controller")
    os.kill(controller, signal.SIGKILL)
    until(lambda: children(supervisor, "controller") - {controller})
    os.kill(supervisor, signal.SIGTERM)
    until(lambda: not (home / "run" / "server.json").exists())
    until(lambda: not children(supervisor, "gateway"))
    waited = "did not start" in (home / "said").read_text()
    assert not waited or time.monotonic() - begun > READY_TIMEOUT

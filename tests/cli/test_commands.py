"""The `clary` command as a user types it: real processes, real servers, real exit codes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

LEFT_OUT = ("AWS_", "CLARY_HOME", "HTTPS_PROXY", "https_proxy")


def clary(*words: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command with a home of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    line = [sys.executable, "-m", "clary.cli.main", *words]
    return subprocess.run(  # noqa: S603 - our own interpreter and module
        line,
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "CLARY_HOME": str(home), "NO_COLOR": "1", **more},
        timeout=110,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a running server."""
    home = tmp_path_factory.mktemp("home")
    up = clary("up", "--detach", "--port", "0", home=home)
    assert up.returncode == 0, up.stderr
    yield home
    down = clary("down", "--yes", home=home)
    assert down.returncode == 0, down.stderr


def test_a_restart_replaces_the_gateway_behind_the_same_address(home: Path) -> None:
    before = json.loads((home / "run" / "server.json").read_text())
    assert clary("restart", home=home).returncode == 0
    after = json.loads((home / "run" / "server.json").read_text())
    assert after == {**before, "renewed": 1}
    assert (home / "run" / "gateway-1.json").exists()
    assert clary("status", home=home).returncode == 0


@pytest.mark.parametrize(
    "command", ["", "up", "down", "restart", "status", "env", "run", "account", "logs", "demo", "doctor"]
)
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    told = clary(*command.split(), "--help", home=tmp_path)
    assert told.returncode == 0
    assert told.stdout.startswith("Usage: ")


def test_help_needs_neither_boto3_nor_the_server() -> None:
    heavy = "('boto3', 'sqlalchemy', 'uvicorn', 'rich')"
    code = f"import sys, clary.cli.main; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "words", [("status",), ("env",), ("run", "--", "true"), ("logs", "job"), ("down",), ("restart",)]
)
def test_without_a_server_the_exit_code_is_3_and_the_cure_is_named(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    told = clary(*words, home=tmp_path)
    assert told.returncode == 3
    assert f"No server is running for {tmp_path}. Start one: clary up" in told.stderr


def test_up_says_where_it_is_and_how_to_use_it(tmp_path: Path) -> None:
    told = clary("up", "--detach", "--port", "0", home=tmp_path)
    try:
        assert told.returncode == 0, told.stderr
        assert "Clary is up at http://127.0.0.1:" in told.stdout
        assert "clary run" in told.stdout
    finally:
        assert clary("down", "--yes", home=tmp_path).returncode == 0
    assert clary("status", home=tmp_path).returncode == 3


def test_a_second_server_of_one_home_is_refused(home: Path) -> None:
    told = clary("up", "--detach", "--port", "0", home=home)
    assert told.returncode == 1
    assert "A server is already running" in told.stderr


def test_a_taken_port_is_told_with_its_cure(home: Path, tmp_path: Path) -> None:
    port = json.loads((home / "run" / "server.json").read_text())["port"]
    told = clary("up", "--detach", "--port", str(port), home=tmp_path)
    assert told.returncode == 1
    assert "--port 0" in told.stderr, told.stderr
    assert not (tmp_path / "run" / "server.json").exists()


def test_env_prints_exports_a_shell_can_read(home: Path) -> None:
    told = clary("env", home=home).stdout
    script = f'{told}\nprintf "%s\\n" "$AWS_ENDPOINT_URL" "$AWS_REGION" "${{AWS_PROFILE-unset}}"'
    shell = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    url, region, profile = shell.stdout.split()
    assert url.startswith("http://127.0.0.1:")
    assert (region, profile) == ("us-east-1", "unset")
    assert json.loads(clary("env", "--json", home=home).stdout)["AWS_ENDPOINT_URL"] == url


def test_run_points_boto3_here_even_where_it_ignores_the_endpoint_variable(home: Path) -> None:
    code = (
        "import boto3; print(boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com')"
        ".get_caller_identity()['Arn'])"
    )
    told = clary("run", "--", sys.executable, "-c", code, home=home)
    assert told.stdout.strip().endswith("assumed-role/SageMakerExecutionRole/administrator"), told.stderr


@pytest.mark.parametrize(("words", "status"), [(("sh", "-c", "exit 7"), 7), (("no-such-command",), 127)])
def test_run_ends_as_its_command_does(words: tuple[str, ...], status: int, home: Path) -> None:
    assert clary("run", "--", *words, home=home).returncode == status


def test_status_is_for_people_and_for_programs(home: Path) -> None:
    assert "Training jobs" in clary("status", home=home).stdout
    told = json.loads(clary("status", "--json", home=home).stdout)
    assert (told["account"], told["training_jobs"], told["endpoints"]) == ("000000000000", {}, {})


def test_logs_of_nothing_are_an_error_that_says_so(home: Path) -> None:
    told = clary("logs", "nothing-of-the-kind", home=home)
    assert told.returncode == 1
    assert "There is no job or endpoint called nothing-of-the-kind" in told.stderr


def test_doctor_finds_what_jobs_need(home: Path) -> None:
    findings = json.loads(clary("doctor", "--json", home=home).stdout)
    assert {"Python", "server", "disk", "sandbox", "uv"} <= {one["what"] for one in findings}
    assert all(one["cure"] for one in findings if one["level"] == "fail")


@pytest.mark.parametrize("role", ["gateway", "controller"])
def test_a_killed_process_is_replaced_and_the_server_answers_as_before(role: str, home: Path) -> None:
    supervisor = json.loads((home / "run" / "server.json").read_text())["pid"]
    (before,) = children(supervisor, role)
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 100
    while not (children(supervisor, role) - {before}) and time.monotonic() < deadline:
        select.select([], [], [], 0.02)
    assert children(supervisor, role) - {before}
    while clary("status", home=home).returncode and time.monotonic() < deadline:
        select.select([], [], [], 0.02)
    assert clary("status", home=home).returncode == 0


def test_children_die_with_their_supervisor(tmp_path: Path) -> None:
    assert clary("up", "--detach", "--port", "0", home=tmp_path).returncode == 0
    supervisor = json.loads((tmp_path / "run" / "server.json").read_text())["pid"]
    mine = children(supervisor, "gateway") | children(supervisor, "controller")
    assert len(mine) == 2
    os.kill(supervisor, signal.SIGKILL)
    deadline = time.monotonic() + 100
    while any(Path(f"/proc/{pid}").exists() for pid in mine) and time.monotonic() < deadline:
        select.select([], [], [], 0.02)
    assert not any(Path(f"/proc/{pid}").exists() for pid in mine)
    again = clary("up", "--detach", "--port", "0", home=tmp_path)
    assert again.returncode == 0, again.stderr
    assert clary("down", "--yes", home=tmp_path).returncode == 0


def children(parent: int, role: str) -> set[int]:
    """Return the processes of a role that a supervisor started."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rpartition(")")[2].split()
            line = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if stat[1] == str(parent) and stat[0] != "Z" and role.encode() in line:
            found.add(int(path.name))
    return found

"""What a script under MPI is started with, and what is refused; `tests/runtime/test_mpi.py` runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.images.container import START_SECONDS, Container
from toolkit.contract import Layout
from toolkit.environment import Training, gpus
from toolkit.failure import UserError

from toolkit import door, mpi

HOSTS = ["algo-1", "algo-2"]


def job(container: Container, **hyperparameters: object) -> Training:
    container.script("", sagemaker_mpi_enabled="true", **hyperparameters)
    told = {"current_host": "algo-1", "hosts": HOSTS, "network_interface_name": "lo"}
    (container.ml / "input/config/resourceconfig.json").write_text(json.dumps(told))
    (container.ml / "code").mkdir()
    (container.ml / "code/train.sh").write_text("echo hello")
    return Training(Layout(container.ml), {})


def test_hosts_have_as_many_processes_as_were_asked_for(container: Container) -> None:
    words = mpi.command(job(container, sagemaker_mpi_num_of_processes_per_host="3"), HOSTS)
    assert words[:5] == ["mpirun", "--host", "algo-1:3,algo-2:3", "-np", "6"]


def test_without_a_number_a_host_has_one_process_for_each_gpu_or_one(container: Container) -> None:
    assert mpi.processes(job(container)) == max(1, gpus())


@pytest.mark.parametrize("number", ["0", "-1", '"many"', "1.5"])
def test_a_number_of_processes_that_is_none_is_refused(container: Container, number: str) -> None:
    with pytest.raises(UserError, match=r"processes_per_host of the MPI distribution is .*1 or more"):
        mpi.processes(job(container, sagemaker_mpi_num_of_processes_per_host=number))


@pytest.mark.parametrize(
    ("options", "level", "rest"),
    [
        ("", "INFO", []),
        ("-x A=1 --verbose", "INFO", ["-x", "A=1", "--verbose"]),
        ("--NCCL_DEBUG WARN -x A=1", "WARN", ["-x", "A=1"]),
        ("--NCCL_DEBUG=TRACE", "TRACE", []),
    ],
)
def test_custom_options_come_last_but_for_nccls_messages(
    container: Container, options: str, level: str, rest: list[str]
) -> None:
    words = mpi.command(job(container, sagemaker_mpi_custom_mpi_options=json.dumps(options)), HOSTS)
    assert f"NCCL_DEBUG={level}" in words
    assert words[len(words) - len(rest) :] == rest


def test_nccls_messages_need_a_level(container: Container) -> None:
    with pytest.raises(UserError, match="without a level"):
        mpi.custom("-x A=1 --NCCL_DEBUG")


def test_the_processes_talk_over_the_network_of_the_hosts(container: Container) -> None:
    settings = mpi.settings(job(container, sagemaker_mpi_num_of_processes_per_host="4096"))
    assert settings["btl_tcp_if_include"] == settings["oob_tcp_if_include"] == "lo"
    assert settings["mpi_yield_when_idle"] == "1"
    assert "mpi_yield_when_idle" not in mpi.settings(job(Container(container.base / "other")))


def test_a_script_of_any_kind_is_run(container: Container) -> None:
    assert mpi.script(job(container, depth="3"))[-3:] == ["train.py", "--depth", "3"]
    shell = job(Container(container.base / "shell"), sagemaker_program='"train.sh"')
    assert mpi.script(shell) == ["/bin/sh", "./train.sh"]


@pytest.mark.parametrize(
    ("hosts", "here", "says"),
    [(["algo-1"], False, "apt install openmpi-bin"), (HOSTS, True, "share no directory")],
)
def test_what_cannot_be_had_is_refused_before_the_script_is_looked_at(
    container: Container, hosts: list[str], here: bool, says: str
) -> None:
    job(container, sagemaker_submit_directory='"/no/such/place"')
    told = {"current_host": "algo-1", "hosts": hosts}
    (container.ml / "input/config/resourceconfig.json").write_text(json.dumps(told))
    programs = container.base / "bin"
    programs.mkdir()
    if here:
        (programs / "mpirun").write_text("#!/bin/sh\n")
        (programs / "mpirun").chmod(0o755)
    code, _ = container.run(PATH=str(programs))
    assert code == 1
    assert says in container.failure


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A host behind its door."""
    serve = "import sys, pathlib; from toolkit import door; door.serve(pathlib.Path(sys.argv[1]), 'algo-2')"
    environment = {**reaching(tmp_path), "OF": "algo-2"}
    with subprocess.Popen([sys.executable, "-c", serve, str(tmp_path)], env=environment) as process:  # noqa: S603
        yield process
        process.kill()


def reaching(folder: Path) -> dict[str, str]:
    path = os.pathsep.join(entry for entry in sys.path if entry.endswith("toolkit"))
    return {**os.environ, "PYTHONPATH": path, "TOOLKIT_HOSTS_DIRECTORY": str(folder)}


def call(folder: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "toolkit.door", "algo-2", *command],
        env=reaching(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_command_runs_behind_a_door_with_the_callers_streams(
    tmp_path: Path, behind: subprocess.Popen[bytes]
) -> None:
    calls = [call(tmp_path, "read x; echo $OF $x; echo no >&2; exit", str(code)) for code in (0, 7)]
    for code, each in zip((0, 7), reversed(calls), strict=True):
        assert each.communicate("heard\n", timeout=START_SECONDS) == ("algo-2 heard\n", "no\n")
        assert each.returncode == 7 - code


def test_a_command_ends_with_whoever_sent_it(tmp_path: Path, behind: subprocess.Popen[bytes]) -> None:
    left = tmp_path / "left"
    os.mkfifo(left)
    sent = call(tmp_path, f"echo up; exec sleep 600 9>{left}")
    with left.open() as open_while_it_runs:
        assert sent.stdout is not None
        assert sent.stdout.readline() == "up\n"
        sent.kill()
        assert open_while_it_runs.read() == ""
    sent.communicate()


def test_a_host_goes_home_when_it_is_told(tmp_path: Path, behind: subprocess.Popen[bytes]) -> None:
    assert call(tmp_path, "true").wait() == 0
    door.send_home(tmp_path, ["algo-2", "algo-9"])
    assert behind.wait(START_SECONDS) == 0


def test_without_a_directory_nobody_is_reached(tmp_path: Path) -> None:
    said = call(tmp_path / "nowhere", "true")
    assert "algo-2 cannot be reached" in said.communicate()[1]
    assert said.returncode == 255

"""The guide about running jobs: its commands exist as written, and its Python shows what it says."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from tests.stories.conftest import clary as a_server
from tests.stories.server import Clary
from tests.stories.test_truth import SKLEARN, job

from clary.cli.main import main
from clary.core.file_systems import declared, file_of
from clary.core.settings import Home

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guide-jobs.md").read_text()
COMMANDS = re.findall(r"^    clary (.+)$", GUIDE, re.MULTILINE)
clary = a_server


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_accepted_as_written(line: str) -> None:
    name, *words = shlex.split(line)
    command = main.get_command(click.Context(main), name)
    assert command is not None
    command.make_context(name, words)


def test_the_declaration_of_a_file_system_is_understood(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    file_of(Home(tmp_path)).write_text(block)
    assert set(declared(Home(tmp_path))) == set(tomllib.loads(block))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_python_prints_what_hosts_use(clary: Clary, tmp_path: Path) -> None:
    sagemaker = clary.client("sagemaker")
    asked = job("my-job", SKLEARN, {})
    del asked["InputDataConfig"]
    asked["AlgorithmSpecification"]["ContainerEntrypoint"] = ["sh", "-c", "echo one; exec sleep 3"]
    sagemaker.create_training_job(**asked)
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="my-job")
    assert clary.command("logs", "my-job").stdout.splitlines() == ["one"]
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "seen.py").write_text(block)
    done = clary.run("python", str(tmp_path / "seen.py"))
    assert re.fullmatch(r"(\d{4}-\S+ \S+ \d+ %\n)+", done.stdout), done.stdout

"""The guides about the registry and experiments: their examples run as written and print what they say."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from tests.stories.conftest import clary as a_server
from tests.stories.conftest import environment as environments
from tests.stories.conftest import table as a_table
from tests.stories.server import DEMO_LOCK, Clary
from tests.stories.test_truth import XGBOOST, train

from clary.cli.main import main

DOCS = Path(__file__).resolve().parents[2] / "docs"
REGISTRY, EXPERIMENTS = ((DOCS / f"guide-{name}.md").read_text() for name in ("registry", "experiments"))
BLOCKS = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", REGISTRY + EXPERIMENTS, re.DOTALL))
COMMANDS = re.findall(r"^    clary (.+)$", REGISTRY + EXPERIMENTS, re.MULTILINE)
PATIENCE = 90
clary, environment, table = a_server, environments, a_table


def test_every_example_has_a_name() -> None:
    assert set(BLOCKS) == {"register.py", "card.py", "runs.py", "compare.py"}
    assert (REGISTRY + EXPERIMENTS).count("```python") == len(BLOCKS)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_accepted_as_written(line: str) -> None:
    name, *words = shlex.split(line)
    command = main.get_command(click.Context(main), name)
    assert command is not None
    command.make_context(name, words)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_version_is_approved_deployed_and_has_a_card_of_what_was_measured(
    clary: Clary, environment: Callable[[Path], Path], table: Path, tmp_path: Path
) -> None:
    assert clary.run("python", _file(tmp_path, "register.py")).stdout == _shown(REGISTRY)
    sagemaker = clary.client("sagemaker")
    archive = train(clary, "churn-job", table)
    arn = sagemaker.create_model_package(
        ModelPackageGroupName="churn",
        InferenceSpecification={"Containers": [{"Image": XGBOOST, "ModelDataUrl": archive}]},
    )["ModelPackageArn"]
    python, card = str(environment(DEMO_LOCK) / "python"), _file(tmp_path, "card.py")
    told = clary.run(python, card, arn).stdout
    job = sagemaker.describe_training_job(TrainingJobName="churn-job")
    metrics = sorted(each["MetricName"] for each in job["FinalMetricDataList"])
    assert f"churn-job\n{job['HyperParameters']}\n{metrics}\n" in told
    again = clary.run(python, card, arn, check=False)
    assert again.returncode and "has already been" in again.stderr + again.stdout
    until = time.monotonic() + PATIENCE
    lines: list[str] = []
    while "    └── TrainingJob churn-job" not in lines and time.monotonic() < until:
        lines = clary.command("lineage", arn, "--direction", "up", check=False).stdout.splitlines()
    assert lines[0] == "ModelPackage churn/3 came from"
    assert "    └── TrainingJob churn-job" in lines


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_runs_are_logged_and_compared(
    clary: Clary, environment: Callable[[Path], Path], tmp_path: Path
) -> None:
    python = str(environment(DEMO_LOCK) / "python")
    told = clary.run(python, _file(tmp_path, "runs.py")).stdout
    assert sorted(told.split()[-2:]) == ["fast", "slow"]
    until, compared, compare = time.monotonic() + PATIENCE, "", _file(tmp_path, "compare.py")
    while compared != _shown(EXPERIMENTS) and time.monotonic() < until:
        compared = clary.run("python", compare, check=False).stdout  # metrics are summed up a moment later
    assert compared == _shown(EXPERIMENTS)


def _file(folder: Path, name: str) -> str:
    path = folder / name
    path.write_text(BLOCKS[name])
    return str(path)


def _shown(page: str) -> str:
    """Return the first output that a page shows."""
    shown = re.search(r"```\n\n((?:    .*\n)+)", page)
    assert shown is not None
    return re.sub(r"^    ", "", shown[1], flags=re.MULTILINE)

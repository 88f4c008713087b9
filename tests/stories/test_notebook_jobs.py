"""A notebook as a step of a pipeline, through the SDK, unmodified."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import CLIENTS, DEMO_LOCK, ROOT, SCRIPTS, Clary
from tests.stories.server import run as cli

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
GUIDE = (ROOT / "docs" / "guide-pipelines.md").read_text()


def test_a_notebook_runs_as_a_step_with_its_parameters_and_is_kept_with_its_outputs(
    clary: Clary, environment: Callable[[Path], Path], tmp_path: Path
) -> None:
    block, _ = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "image.toml").write_text(block)
    (tmp_path / "requirements.txt").write_bytes((CLIENTS / "notebooks.txt").read_bytes())
    cli(
        [sys.executable, "-m", "clary.cli.main", "image", "build", str(tmp_path), "--home", str(clary.home)],
        check=True,
    )
    notebook = tmp_path / "report.ipynb"
    notebook.write_text(written('word = "sunday"', 'print("it is", word)', 'assert word != "never", word'))
    python = environment(DEMO_LOCK) / "python"
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/notebooks:latest"
    said = clary.run(str(python), str(SCRIPTS / "v2_notebook_job.py"), image, str(notebook)).stdout
    told = [line for line in said.splitlines() if line.startswith(("Succeeded", "Failed", "it is"))]
    assert [line[:40] for line in told] == [
        "Succeeded nightly.ipynb",
        "it is monday",
        "Succeeded nightly.ipynb",
        "it is friday",
        told[4][:40],
        "it is never",
    ]
    assert "ExecuteNotebookError: AssertionError: never" in told[4]


def written(first: str, *others: str) -> str:
    """Return a notebook of these cells, the first of which is tagged as its parameters."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "execution_count": None,
            "metadata": {} if number else {"tags": ["parameters"]},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate((first, *others))
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})

"""What keeps a notebook from being run is said as the job's reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit import notebook

TOLD = {
    "SM_EXECUTION_INPUT_PATH": "/opt/ml/input/data/in",
    "SM_INPUT_NOTEBOOK_NAME": "report.ipynb",
    "SM_OUTPUT_NOTEBOOK_NAME": "out.ipynb",
}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "has no SM_EXECUTION_INPUT_PATH"),
        ({**TOLD, "SM_EXECUTION_INPUT_PATH": "/opt/ml/input/data/other"}, "no channel 'other'"),
        (TOLD, "Notebook jobs need nbclient and ipykernel in their image"),
    ],
)
def test_a_notebook_that_cannot_be_run_says_why(tmp_path: Path, told: dict[str, str], said: str) -> None:
    (tmp_path / "input" / "data" / "in").mkdir(parents=True)
    assert notebook.main({"SAGEMAKER_BASE_DIR": str(tmp_path), **told}) == 1
    assert said in (tmp_path / "output" / "failure").read_text()

"""Any tag of a repository runs; the log says what really does, and older generations look as they did."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from sagemaker_xgboost import checkpoints, generation, payloads

from toolkit import image


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("1", (0, 72)),
        ("latest", (0, 72)),
        ("0.90-1-cpu-py3", (0, 90)),
        ("1.0-1-cpu-py3", (1, 0)),
        ("1.2-2", (1, 2)),
        ("1.7-1", (1, 7)),
        ("3.0-5", (3, 0)),
        ("", (99, 0)),
    ],
)
def test_the_tag_says_which_generation_a_script_expects(tag: str, version: tuple[int, int]) -> None:
    assert generation.of({"TOOLKIT_IMAGE_TAG": tag}) == version


class Booster:
    """Stands for what XGBoost trains."""

    def save_model(self, fname: str) -> None:
        """Write a file."""
        Path(fname).write_text("saved")


@pytest.mark.parametrize(("tag", "pickled"), [("1.2-1", True), ("1.3-1", False), ("3.0-5", False)])
def test_the_model_is_a_pickle_up_to_1_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str, pickled: bool
) -> None:
    monkeypatch.setenv("TOOLKIT_IMAGE_TAG", tag)
    for name in ("xgboost-model", "xgboost-checkpoint.3"):
        checkpoints.write(Booster(), tmp_path / name)
    raw = (tmp_path / "xgboost-model").read_bytes()
    assert isinstance(pickle.loads(raw), Booster) if pickled else raw == b"saved"  # noqa: S301 - our own
    assert (tmp_path / "xgboost-checkpoint.3").read_bytes() == b"saved"


@pytest.mark.parametrize(
    ("tag", "batch", "wanted"),
    [("1.3-1", "", b"0.5,1.5"), ("1.3-1", "true", b"0.5\n1.5\n"), ("1.7-1", "", b"0.5\n1.5\n")],
)
def test_scores_of_several_rows_are_joined_as_the_generation_does(
    monkeypatch: pytest.MonkeyPatch, tag: str, batch: str, wanted: bytes
) -> None:
    monkeypatch.setenv("TOOLKIT_IMAGE_TAG", tag)
    monkeypatch.setenv("SAGEMAKER_BATCH", batch)
    assert payloads.write(np.array([[0.5], [1.5]], np.float32), "text/csv") == wanted


def test_a_tag_that_says_another_version_is_a_label_and_the_log_says_so() -> None:
    told = {"TOOLKIT_IMAGE_PACKAGES": "pytest", "TOOLKIT_IMAGE_TAG": "0.1-cpu-py310"}
    words = f"this environment runs pytest {pytest.__version__}."
    assert image.note(told) == f"The image's tag 0.1-cpu-py310 is a label here: {words}"
    major, minor, *_ = pytest.__version__.split(".")
    assert image.note({**told, "TOOLKIT_IMAGE_TAG": f"{major}.{minor}-cpu-py310"}) == ""
    assert image.note({**told, "TOOLKIT_IMAGE_TAG": f"1{major}.{minor}"}) != ""
    assert image.note({"TOOLKIT_IMAGE_PACKAGES": "pytest"}) == ""

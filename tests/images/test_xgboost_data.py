"""Reading channels: labels, weights, gaps, several files, and a text for each way a file can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sagemaker_xgboost import data, metrics
from toolkit.contract import Json
from toolkit.failure import UserError


def test_labels_weights_and_gaps_are_read_from_every_file(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "a.csv").write_text("1,0.5,3,\n0,1,,6\n")
    (tmp_path / "deeper" / "b.csv").write_text("1,2,7,8")
    for hidden in (".part.csv", "_SUCCESS", "empty"):
        (tmp_path / hidden).write_text("" if hidden == "empty" else "x")
    found = data.read(tmp_path, "csv", csv_weights=True)
    assert found is not None
    assert found.weights is not None
    assert (found.labels.tolist(), found.weights.tolist()) == ([1, 0, 1], [0.5, 1, 2])
    expected = np.array([[3, np.nan], [np.nan, 6], [7, 8]], np.float32)
    assert np.array_equal(found.features, expected, equal_nan=True)


def test_a_channel_without_files_is_nothing(tmp_path: Path) -> None:
    assert data.read(tmp_path, "csv") is None
    assert data.read(tmp_path / "absent", "csv") is None


@pytest.mark.parametrize(
    ("channel", "kind"),
    [
        ({"ContentType": "text/csv; label_size=1"}, "csv"),
        ({"ContentType": "CSV"}, "csv"),
        ({}, "libsvm"),
        (None, "libsvm"),
        ({"ContentType": "application/x-parquet"}, "parquet"),
    ],
)
def test_the_content_type_names_the_format(channel: dict[str, Json] | None, kind: str) -> None:
    assert data.content_type(channel) == kind


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        ({"ContentType": "text/csv;label_size=2"}, "label_size must be 1"),
        ({"ContentType": "image/png"}, "image/png is not an accepted ContentType: csv, text/csv"),
        ({"TrainingInputMode": "Pipe"}, "use the input mode File or FastFile"),
    ],
)
def test_a_channel_that_cannot_be_read_says_what_can(channel: dict[str, Json], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        data.content_type(channel)


def test_metrics_of_our_own_are_the_definitions() -> None:
    labels, guesses = np.array([1, 1, 0, 0, 1], np.float32), np.array([1, 0, 0, 1, 1], np.float32)
    found = {name: round(metrics.OWN[name](labels, guesses), 4) for name in metrics.OWN}
    assert (found["accuracy"], found["precision"], found["recall"]) == (0.6, 0.6667, 0.6667)
    assert (found["f1_binary"], found["f1_macro"], found["balanced_accuracy"]) == (0.6667, 0.5833, 0.5833)
    assert (found["mse"], found["r2"]) == (0.4, -0.6667)

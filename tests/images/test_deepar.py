"""The built-in DeepAR: its channels, hyperparameters and answers, its model held against GluonTS."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forecasting_deepar import frequency, hyperparameters
from tests.images.algorithm import Algorithm, metric_of
from tests.images.container import ROOT, Container
from toolkit.failure import UserError

NEEDED: dict[str, Any] = {"context_length": 6, "prediction_length": 4, "epochs": 2, "time_freq": "D"}
QUICK: dict[str, Any] = NEEDED | {"mini_batch_size": 8, "num_cells": 8, "num_eval_samples": 20}
LAGS = {  # what gluonts.time_feature.get_lags_for_frequency says
    "M": [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 23, 24, 25, 35, 36, 37],
    "W": [1, 2, 3, 4, 5, 6, 7, 8, 12, 51, 52, 53, 103, 104, 105, 155, 156, 157],
    "3D": [*range(1, 12), 18, 28, 120, 121, 122, 241, 242, 243, 363, 364, 365],
    "2W": [*range(1, 8), 25, 26, 27, 51, 52, 53, 77, 78, 79],
    "min": [*range(1, 8), *range(58, 63), *range(118, 123), *range(178, 183)],
}
LOADED = """
import json, sys, warnings
warnings.filterwarnings("ignore")
from pathlib import Path
import numpy as np, pandas as pd, torch
from gluonts.torch.model.predictor import PyTorchPredictor
predictor = PyTorchPredictor.deserialize(Path(sys.argv[1]), device="cpu")
kind, told = sys.argv[2], json.loads(sys.argv[3])
rows = [
    {"start": pd.Period(one["start"], kind), "target": np.array(one["target"], np.float32)}
    | ({"feat_static_cat": np.array(one["cat"])} if "cat" in one else {})
    | ({"feat_dynamic_real": np.array(one["dynamic_feat"], np.float32)} if "dynamic_feat" in one else {})
    for one in told
]
torch.manual_seed(0)
forecasts = list(predictor.predict(rows, num_samples=4000))
print(json.dumps([[one.quantile(level).tolist() for level in (0.1, 0.5, 0.9)] for one in forecasts]))
"""
PARQUET = """
import json, sys, pyarrow
from pyarrow import parquet
table = pyarrow.Table.from_pylist(json.loads(sys.argv[2]))
if "timestamp" in sys.argv[3:]:
    times = table["start"].cast(pyarrow.timestamp("us"))
    table = table.set_column(table.schema.get_field_index("start"), "start", times)
parquet.write_table(table, sys.argv[1])
print(table.num_rows)
"""


@pytest.fixture
def deepar(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("forecasting-deepar"), "forecasting_deepar")


def waves(count: int = 8, length: int = 60) -> list[dict[str, Any]]:
    """Return daily series with a weekly wave each, of different sizes."""
    days = np.arange(length)
    return [
        {
            "start": "2024-01-01 00:00:00",
            "target": ((number + 1) * (10 + 3 * np.sin((days + number) * 2 * math.pi / 7))).round(3).tolist(),
        }
        for number in range(count)
    ]


def fill(deepar: Algorithm, channel: str, rows: Sequence[object], name: str = "part.json") -> None:
    """Write a channel as JSON lines."""
    folder = deepar.container.ml / "input/data" / channel
    folder.mkdir(parents=True, exist_ok=True)
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (folder / name).write_bytes(gzip.compress(body) if name.endswith(".gz") else body)


def fill_parquet(
    deepar: Algorithm, channel: str, rows: Sequence[object], name: str = "part.parquet", *how: str
) -> None:
    """Write a channel as Parquet."""
    folder = deepar.container.ml / "input/data" / channel
    folder.mkdir(parents=True, exist_ok=True)
    assert deepar.ask(PARQUET, str(folder / name), json.dumps(rows), *how) == len(rows)


def train(deepar: Algorithm, **hyperparameters: object) -> tuple[int, str]:
    deepar.channels({}, "")
    return deepar.train(**hyperparameters)


@pytest.mark.parametrize("written", sorted(LAGS))
def test_lags_are_those_of_gluonts(written: str) -> None:
    found = frequency.parse(written)
    assert found is not None
    assert found.lags() == LAGS[written]


@pytest.mark.parametrize("moment", ["2024-02-29 23:59:00", "1969-12-28 00:00:00", "2020-12-31 12:30:00"])
def test_features_of_times_are_the_calendars(moment: str) -> None:
    told = datetime.fromisoformat(moment)
    found = frequency.Frequency("min", 1)
    [row] = found.times(found.position(told), 1)
    expected = [
        told.minute / 59,
        told.hour / 23,
        told.weekday() / 6,
        (told.day - 1) / 30,
        (told.timetuple().tm_yday - 1) / 365,
    ]
    assert row == pytest.approx([one - 0.5 for one in expected], abs=1e-6)


def test_a_week_is_known_by_its_sunday() -> None:
    weekly = frequency.Frequency("W", 1)
    [row] = weekly.times(weekly.position(datetime.fromisoformat("2020-12-30")), 1)
    assert row == pytest.approx([(3 - 1) / 30 - 0.5, (53 - 1) / 52 - 0.5])  # 3 January 2021, week 53 of 2020


@pytest.mark.parametrize("written", ["", "H2", "0D", "Y", "5 min", "1.5H", "s"])
def test_what_is_no_frequency_is_refused(written: str) -> None:
    assert frequency.parse(written) is None


def test_defaults_are_the_documented_ones() -> None:
    chosen = hyperparameters.read({name: str(value) for name, value in NEEDED.items()})
    values = chosen.settings.values
    assert [values[name] for name in ("dropout_rate", "embedding_dimension", "learning_rate")] == [
        0.1,
        10,
        0.001,
    ]
    assert [values[name] for name in ("mini_batch_size", "num_cells", "num_layers")] == [128, 40, 2]
    assert chosen.likelihood == "student-T"
    assert chosen.quantiles == [number / 10 for number in range(1, 10)]
    assert (chosen.patience, chosen.cardinality, chosen.dynamic) == (None, None, None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"time_freq": "quarterly"}, "an integer followed by M, W, D, H or min"),
        ({"epochs": "0"}, "The value '0' is not valid for the 'epochs' hyperparameter"),
        ({"likelihood": "poisson"}, "expects one of gaussian, beta, negative-binomial, student-T"),
        ({"cardinality": "[2, x]"}, "'cardinality' hyperparameter which expects 'auto', 'ignore' or a list"),
        ({"num_dynamic_feat": "-1"}, "expects 'auto', 'ignore' or a positive integer"),
        ({"test_quantiles": "[0.5, 1.5]"}, "a list of numbers between 0 and 1"),
        ({"early_stopping_patience": "soon"}, "a positive integer or an empty text"),
        ({"dropout_rate": "1"}, "a number in [0, 1)"),
        ({"freq": "D"}, "Additional hyperparameters are not allowed ('freq' unexpected)"),
    ],
)
def test_a_wrong_hyperparameter_is_named(changed: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as wrong:
        hyperparameters.read({name: str(value) for name, value in (NEEDED | changed).items()})
    assert message in str(wrong.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"target": [1, 2]}, "part.json of the train channel, series 1: 'start' is missing"),
        ({"start": "soon", "target": [1]}, "'start' is 'soon'; it must be a time like 2009-11-01"),
        ({"start": "2024-01-01", "target": "1,2"}, "'target' is str; it must be a list of numbers"),
        ({"start": "2024-01-01", "target": [1], "cat": [-1]}, "a category is a whole number from 0 on"),
        (
            {"start": "2024-01-01", "target": [1, 2, 3], "dynamic_feat": [[1, 2]]},
            "a 'dynamic_feat' has 2 values; it must have 3",
        ),
        ({"start": "2024-01-01", "target": [1, 2, 3]}, "each needs more than prediction_length=4 values"),
        ([1], "part.json, line 1, is not a JSON object"),
    ],
)
def test_a_malformed_series_is_named(deepar: Algorithm, row: object, message: str) -> None:
    fill(deepar, "train", [row])
    code, said = train(deepar, **QUICK)
    assert code == 1, said
    assert message in deepar.container.failure


def test_a_malformed_series_of_parquet_is_named(deepar: Algorithm) -> None:
    good = {"start": "2024-01-01", "target": [1.0, 2.0], "cat": [0]}
    fill_parquet(deepar, "train", [good, good | {"cat": [-1]}])
    assert train(deepar, **QUICK)[0] == 1
    assert "part.parquet of the train channel, series 2: 'cat' has -1" in deepar.container.failure


def test_what_is_no_parquet_file_is_named(deepar: Algorithm) -> None:
    fill(deepar, "train", waves(), "part.parquet")
    assert train(deepar, **QUICK)[0] == 1
    assert "part.parquet is not a Parquet file" in deepar.container.failure


@pytest.mark.slow
def test_a_channel_may_say_that_its_files_are_parquet(deepar: Algorithm) -> None:
    fill_parquet(deepar, "train", [{"start": "2024-01-01", "target": [1.0, None, 3.0]}], "part-0")
    deepar.channels({}, "")
    said = {"train": {"ContentType": "parquet", "TrainingInputMode": "File"}}
    deepar.container.configure({name: str(value) for name, value in QUICK.items()}, said)
    code, log = deepar.container.run("forecasting_deepar.train")
    assert code == 1, log
    assert "number of observations: 2" in log
    assert "each needs more than prediction_length=4 values" in deepar.container.failure


@pytest.mark.parametrize("seed", ["-1", "one", "4294967296"])
def test_a_seed_is_a_whole_number(deepar: Algorithm, seed: str) -> None:
    deepar.container.configure({name: str(value) for name, value in QUICK.items()})
    assert deepar.container.run("forecasting_deepar.train", DEEPAR_SEED=seed)[0] == 1
    assert f"DEEPAR_SEED is '{seed}'; it must be a whole number" in deepar.container.failure


def test_a_job_without_data_says_which_channel_it_needs(deepar: Algorithm) -> None:
    assert train(deepar, **QUICK)[0] == 1
    assert "'train' is a required channel" in deepar.container.failure


@pytest.mark.slow
def test_it_trains_scores_and_forecasts(deepar: Algorithm) -> None:
    rows = waves()
    rows[0]["target"][3], rows[1]["target"][5] = "NaN", None
    fill(deepar, "train", [row | {"target": row["target"][:-4]} for row in rows], "part.json.gz")
    fill(deepar, "test", rows)
    code, log = train(deepar, **QUICK | {"epochs": 8})
    assert code == 0, log
    assert "contains missing values: yes" in log
    assert metric_of("forecasting-deepar", "test:RMSE", log) > 0
    assert 0 < metric_of("forecasting-deepar", "test:mean_wQuantileLoss", log) < 0.5
    assert math.isfinite(metric_of("forecasting-deepar", "train:final_loss", log))
    assert "#test_score (algo-1, wQuantileLoss[0.9]): " in log
    with deepar.container.serve(
        "forecasting_deepar.serve",
        MODEL_SERVER_WORKERS="1",
        DEEPAR_INFERENCE_CONFIG='{"num_samples": 7, "output_types": ["samples"]}',
    ) as server:
        few = [{"start": "2024-01-01", "target": [4.0, 10.0, "NaN", 9.0]}, rows[2]]
        configuration = {
            "num_samples": 30,
            "output_types": ["mean", "quantiles"],
            "quantiles": ["0.1", "0.9"],
        }
        body = json.dumps({"instances": few, "configuration": configuration})
        status, kind, said = server.invoke(body, "application/json")
        assert (status, kind) == (200, "application/json"), said
        first, second = json.loads(said)["predictions"]
        assert sorted(first) == ["mean", "quantiles"]
        assert len(second["mean"]) == len(second["quantiles"]["0.9"]) == 4
        assert all(low <= high for low, high in zip(*first["quantiles"].values(), strict=True))
        line = json.dumps(rows[3]) + "\n"
        status, kind, said = server.invoke(line, "application/jsonlines")
        assert (status, kind) == (200, "application/jsonlines"), said
        assert np.array(json.loads(said)["samples"]).shape == (7, 4)
        for wrong, message in (
            ({"instances": []}, "'instances' is a list of series"),
            ({"instances": [{"target": [1]}]}, "Instance 0: 'start' is missing"),
            ({"instances": [rows[0] | {"cat": [0]}]}, "the model was trained without 'cat'"),
            ({"instances": few, "configuration": {"num_samples": 0}}, "a whole number from 1 to 10000"),
            ({"instances": few, "configuration": {"output_types": ["mode"]}}, "some of mean, quantiles"),
        ):
            status, _, said = server.invoke(json.dumps(wrong), "application/json")
            assert (status, message in said.decode()) == (400, True), said
        assert server.invoke("1,2", "text/csv")[0] == 415


@pytest.mark.slow
@pytest.mark.parametrize("how", ["text", "timestamp"])
def test_parquet_trains_as_json_lines_do(deepar: Algorithm, how: str) -> None:
    rows = waves()
    for number, row in enumerate(rows):
        row |= {"cat": [number % 3], "dynamic_feat": [[(day % 7) / 7 for day in range(60)]]}
        row["target"][number] = None
    fill(deepar, "train", rows)
    _, expected = train(deepar, **QUICK)
    (deepar.container.ml / "input/data/train/part.json").unlink()
    fill_parquet(deepar, "train", rows, "part.parquet", how)
    code, log = train(deepar, **QUICK)
    assert code == 0, log
    name = "train:final_loss"
    found, truth = (metric_of("forecasting-deepar", name, each) for each in (log, expected))
    assert found == truth


@pytest.mark.slow
def test_another_seed_is_another_training(deepar: Algorithm) -> None:
    fill(deepar, "train", waves())
    deepar.container.configure({name: str(value) for name, value in QUICK.items()})
    logs = [deepar.container.run("forecasting_deepar.train", DEEPAR_SEED=seed)[1] for seed in "011"]
    first, second, again = (metric_of("forecasting-deepar", "train:final_loss", log) for log in logs)
    assert first != second == again


@pytest.mark.slow
def test_a_batch_transform_is_answered_line_by_line(deepar: Algorithm) -> None:
    rows = waves(4)
    for number, row in enumerate(rows):
        row["target"] = [one * 1000**number for one in row["target"]]
    fill(deepar, "train", rows)
    code, log = train(deepar, **QUICK)
    assert code == 0, log
    preset = json.dumps({"num_samples": 40, "output_types": ["mean", "quantiles"], "quantiles": ["0.5"]})
    environment = {"DEEPAR_INFERENCE_CONFIG": preset, "SAGEMAKER_BATCH": "true", "MODEL_SERVER_WORKERS": "1"}
    with deepar.container.serve("forecasting_deepar.serve", **environment) as server:
        body = "\n".join(json.dumps(row) for row in rows) + "\n\n"
        for media in ("application/jsonlines", "application/json", ""):
            status, kind, said = server.invoke(body, media, "application/jsonlines")
            assert (status, kind) == (200, "application/jsonlines"), said
            told = [json.loads(line) for line in said.decode().splitlines()]
            assert [sorted(one) for one in told] == [["mean", "quantiles"]] * 4
            sizes = [abs(np.mean(one["mean"])) for one in told]
            assert sizes == sorted(sizes)  # in the order of the lines
            assert [sorted(one["quantiles"]) for one in told] == [["0.5"]] * 4
        for wrong, message in (
            (body + '{"start": "2024-01-01"}', "Instance 4: 'target' is missing"),
            (body + "[1]", "Instance 4 is not a JSON object"),
            (body + "{", "The request is not JSON"),
            ("\n", "There is no series in the request"),
        ):
            status, _, answer = server.invoke(wrong, "application/jsonlines")
            assert (status, message in answer.decode()) == (400, True), answer


@pytest.mark.slow
def test_without_a_configuration_lines_are_answered_as_the_guide_says(deepar: Algorithm) -> None:
    rows = waves(2)
    fill(deepar, "train", rows)
    assert train(deepar, **QUICK)[0] == 0
    with deepar.serve() as server:
        status, _, said = server.invoke(json.dumps(rows[0]), "application/jsonlines")
        assert status == 200, said
        assert [*json.loads(said)["quantiles"]] == [f"0.{tenth}" for tenth in range(1, 10)]
        status, _, said = server.invoke(json.dumps(rows[0]), "application/json")
        assert (status, "'instances' is a list of series" in said.decode()) == (400, True), said
    wrong = {"DEEPAR_INFERENCE_CONFIG": '{"num_sample": 1}', "SAGEMAKER_BIND_TO_PORT": "0"}
    code, log = deepar.container.run("forecasting_deepar.serve", **wrong)
    assert code != 0
    assert "DEEPAR_INFERENCE_CONFIG is wrong: 'configuration' has 'num_sample'" in log


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["gaussian", "beta", "negative-binomial", "deterministic-L1"])
def test_every_likelihood_learns_what_it_is_for(deepar: Algorithm, likelihood: str) -> None:
    rows = waves()
    for row in rows:
        size = max(row["target"])
        values = [round(one) if likelihood == "negative-binomial" else one for one in row["target"]]
        row["target"] = [one / size for one in values] if likelihood == "beta" else values
    fill(deepar, "train", rows)
    fill(deepar, "test", rows)
    code, log = train(deepar, **QUICK | {"epochs": 30, "likelihood": likelihood, "learning_rate": 0.01})
    assert code == 0, log
    assert metric_of("forecasting-deepar", "test:mean_wQuantileLoss", log) < 0.25


@pytest.mark.slow
def test_counts_are_asked_for_where_counts_are_needed(deepar: Algorithm) -> None:
    fill(deepar, "train", waves())
    assert train(deepar, **QUICK | {"likelihood": "negative-binomial"})[0] == 1
    assert "the likelihood negative-binomial takes whole numbers from 0 on" in deepar.container.failure


@pytest.mark.slow
def test_an_interrupted_training_ends_as_an_uninterrupted_one(deepar: Algorithm) -> None:
    fill(deepar, "train", waves())
    _, whole = train(deepar, **QUICK | {"epochs": 6})
    (deepar.container.ml / "checkpoints").mkdir()
    train(deepar, **QUICK | {"epochs": 3})
    code, rest = train(deepar, **QUICK | {"epochs": 6})
    assert code == 0, rest
    assert "Resuming from deepar-checkpoint.pt after epoch 2" in rest
    assert "epoch=2," not in rest
    name = "train:final_loss"
    found, expected = (metric_of("forecasting-deepar", name, log) for log in (rest, whole))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_its_model_is_a_predictor_of_gluonts_with_the_same_forecasts(deepar: Algorithm) -> None:
    rows = waves()
    for number, row in enumerate(rows):
        row |= {"cat": [number % 2, number], "dynamic_feat": [[(day % 7) / 7 for day in range(60)]]}
    fill(deepar, "train", rows)
    code, log = train(deepar, **QUICK | {"epochs": 5, "early_stopping_patience": 3})
    assert code == 0, log
    asked = [row | {"target": row["target"][:-4]} for row in rows]
    with deepar.serve() as server:
        quantiles = {"output_types": ["quantiles"], "quantiles": ["0.1", "0.5", "0.9"]}
        configuration = {"num_samples": 4000, **quantiles}
        body = json.dumps({"instances": asked, "configuration": configuration})
        _, _, said = server.invoke(body, "application/json")
    given = [one["quantiles"] for one in json.loads(said)["predictions"]]
    ours = np.array([[one[level] for level in ("0.1", "0.5", "0.9")] for one in given])
    build = [sys.executable, "-m", "clary.runtime.environment", str(ROOT / "benchmarks/references.txt")]
    built = subprocess.run(build, check=True, capture_output=True, text=True)  # noqa: S603 - our own module
    python = str(Path(built.stdout.strip().splitlines()[-1]) / "bin/python")
    line = [python, "-c", LOADED, str(deepar.model), "D", json.dumps(asked)]
    theirs = subprocess.run(line, check=True, capture_output=True, text=True).stdout  # noqa: S603
    apart = np.abs(ours - np.array(json.loads(theirs)))
    assert np.all(apart < 0.1 * (ours[:, 2:] - ours[:, :1])), apart  # as far as 4000 draws can tell

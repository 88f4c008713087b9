"""The LightGBM algorithm: its models and answers are open LightGBM's."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.images.algorithm import Algorithm, csv
from tests.images.container import IMAGES, Container

TRUTH = """
import json, sys, numpy as np, lightgbm
folder, kind = sys.argv[1:3]
rows, held_out = (np.loadtxt(f"{folder}/{name}/part.csv", delimiter=",") for name in ("train", "validation"))
model = lightgbm.Booster(model_file=sys.argv[3])
options = dict(objective=kind, learning_rate=0.1, num_leaves=64, feature_fraction=0.9, bagging_fraction=0.9)
options |= dict(bagging_freq=1, max_depth=6, min_data_in_leaf=3, num_threads=1, seed=0, verbosity=-1)
options |= dict(num_class=3) if kind == "multiclass" else {}
data = lightgbm.Dataset(rows[:, 1:].astype("f4"), label=rows[:, 0])
alone = lightgbm.train(options, data, model.num_trees() // model.num_model_per_iteration())
test = held_out[:, 1:].astype("f4")
print(json.dumps([model.predict(test).tolist(), alone.predict(test).tolist()]))
"""


def _wine() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    dice = np.random.default_rng(0)
    rows = dice.normal(size=(300, 4))
    return rows, (rows[:, 0] > 0).astype(float) + (rows[:, 1] > 0)


@pytest.fixture
def booster(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("lightgbm"), "sagemaker_lightgbm")


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_its_model_and_answers_are_lightgbms(booster: Algorithm, kind: str) -> None:
    rows, classes = _wine()
    labels = {"binary": classes > 0, "multiclass": classes, "regression": rows[:, 0] * rows[:, 1]}[kind]
    table = np.column_stack([labels, rows])
    booster.channels({"train": table[60:], "validation": table[:60]})
    log = booster.fit(num_threads=1)
    definitions = tomllib.loads((IMAGES / "lightgbm/image.toml").read_text())["metrics"]
    name = {"binary": "binary_logloss", "multiclass": "multi_logloss", "regression": "rmse"}[kind]
    assert re.search(definitions[name], log)
    data = str(booster.container.ml / "input/data")
    loaded, alone = booster.ask(TRUTH, data, kind, str(booster.model / "model.txt"))
    assert np.allclose(loaded, alone)
    with booster.serve() as server:
        body = (booster.container.ml / "input/data/validation/part.csv").read_text().splitlines()
        bare = "\n".join(line.partition(",")[2] for line in body)
        status, media, answer = server.invoke(bare, accept="application/json;verbose")
        assert (status, media) == (200, "application/json")
        told = json.loads(answer)
        if kind == "regression":
            assert np.allclose(told["prediction"], loaded)
            return
        expected = np.array(loaded)
        assert np.allclose(
            np.array(told["probabilities"])[:, -1], expected if kind == "binary" else expected[:, -1]
        )
        assert told["labels"] == list(range(2 if kind == "binary" else 3))
        assert len(told["predicted_label"]) == 60
        assert list(json.loads(server.invoke(bare)[2])) == ["probabilities"]
        assert server.invoke(csv(rows[:1, :2]))[0] == 400


@pytest.mark.parametrize("piped", ["train", "validation"])
def test_a_channel_in_pipe_mode_is_refused_and_not_left_out(booster: Algorithm, piped: str) -> None:
    rows, classes = _wine()
    booster.channels({"train": np.column_stack([classes > 0, rows])})
    inputs = {
        name: {"ContentType": "text/csv", "TrainingInputMode": "File"} for name in ("train", "validation")
    }
    inputs[piped]["TrainingInputMode"] = "Pipe"
    booster.container.configure({}, inputs)
    assert booster.container.run("sagemaker_lightgbm.train")[0] == 1
    assert f"The {piped} channel is in Pipe mode" in booster.container.failure


def test_a_fifth_is_held_out_and_categories_are_read(booster: Algorithm) -> None:
    rows, classes = _wine()
    rows[:, 3] = np.arange(300) % 5
    booster.channels({"training": np.column_stack([classes > 0, rows])})
    folder = booster.container.ml / "input/data/training"
    (folder / "categorical_index.json").write_text('{"cat_index_list": [4]}')
    booster.fit(num_boost_round=3)
    (folder / "categorical_index.json").write_text('{"cat_index_list": [5]}')
    assert booster.train(num_boost_round=3)[0] == 1
    assert "a whole number from 1 to 4" in booster.container.failure


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"num_leaves": 1}, "expects an integer in (1, 131072]"),
        ({"metric": "gini"}, "The value 'gini' is not valid for the 'metric' hyperparameter"),
        ({"is_unbalance": "True", "scale_pos_weight": 2}, "cannot be used together"),
        ({"objective": "binary"}, "row 2 has 2"),
    ],
)
def test_a_mistake_is_named(booster: Algorithm, hyperparameters: dict[str, object], message: str) -> None:
    table = np.array([[0.0, 1.0], [2.0, 3.0]])
    booster.channels({"train": table, "validation": table})
    assert booster.train(**hyperparameters)[0] == 1
    assert message in booster.container.failure

"""The CatBoost algorithm: its models and answers are open CatBoost's."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.images.algorithm import Algorithm, metric_of
from tests.images.container import Container

TRUTH = """
import json, sys, numpy as np, catboost
folder, loss = sys.argv[1:3]
rows, held_out = (np.loadtxt(f"{folder}/{name}/part.csv", delimiter=",") for name in ("train", "validation"))
test = held_out[:, 1:].astype("f4")
model = catboost.CatBoost().load_model(sys.argv[3])
metric = {"Logloss": "AUC"}.get(loss, loss)
given = dict(loss_function=loss, eval_metric=metric, iterations=30, learning_rate=0.1, depth=6, l2_leaf_reg=3)
given |= dict(random_seed=1, thread_count=1, allow_writing_files=False, bagging_temperature=1.0)
given |= dict(sampling_frequency="PerTreeLevel")
alone, watched = catboost.CatBoost(given), (test, held_out[:, 0])
alone.fit(rows[:, 1:].astype("f4"), rows[:, 0], eval_set=watched, early_stopping_rounds=5, verbose=0)
kind = "RawFormulaVal" if loss == "RMSE" else "Probability"
print(json.dumps([m.predict(test, prediction_type=kind).tolist() for m in (model, alone)]))
"""


def _rows() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    dice = np.random.default_rng(0)
    rows = dice.normal(size=(300, 4))
    return rows, (rows[:, 0] > 0).astype(float) + (rows[:, 1] > 0)


@pytest.fixture
def booster(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("catboost"), "sagemaker_catboost")


@pytest.mark.parametrize("loss", ["Logloss", "MultiClass", "RMSE"])
def test_its_model_and_answers_are_catboosts(booster: Algorithm, loss: str) -> None:
    rows, classes = _rows()
    labels = {"Logloss": classes > 0, "MultiClass": classes, "RMSE": rows[:, 0] * rows[:, 1]}[loss]
    table = np.column_stack([labels, rows])
    booster.channels({"train": table[60:], "validation": table[:60]})
    log = booster.fit(iterations=30, learning_rate=0.1, thread_count=1)
    assert metric_of("catboost", "validation:best", log) > 0
    data = str(booster.container.ml / "input/data")
    loaded, alone = booster.ask(TRUTH, data, loss, str(booster.model / "model.cbm"))
    assert np.allclose(loaded, alone)
    with booster.serve() as server:
        body = (booster.container.ml / "input/data/validation/part.csv").read_text().splitlines()
        bare = "\n".join(line.partition(",")[2] for line in body)
        told = json.loads(server.invoke(bare, accept="application/json;verbose")[2])
        assert np.allclose(told["prediction" if loss == "RMSE" else "probabilities"], loaded)
        assert server.invoke("1,2")[0] == 400


def test_categories_may_be_missing(booster: Algorithm) -> None:
    rows, classes = _rows()
    rows[:, 3] = np.arange(300) % 5
    rows[0, 3] = np.nan
    booster.channels({"training": np.column_stack([classes > 0, rows])})
    folder = booster.container.ml / "input/data/training"
    (folder / "categorical_index.json").write_text('{"cat_index_list": [4]}')
    booster.fit(iterations=3)
    with booster.serve() as server:
        assert len(json.loads(server.invoke("1,2,3,\n1,2,3,4")[2])["probabilities"]) == 2


@pytest.mark.parametrize("policy", ["Depthwise", "Lossguide"])
def test_every_way_to_grow_trees_trains_with_the_other_defaults(booster: Algorithm, policy: str) -> None:
    rows, classes = _rows()
    booster.channels({"train": np.column_stack([classes > 0, rows])})
    booster.fit(iterations=3, grow_policy=policy)
    assert (booster.model / "model.cbm").is_file()
    assert booster.train(iterations=3, grow_policy=policy, boosting_type="Ordered")[0] == 1
    assert "CatBoost could not train: Ordered boosting is not supported" in booster.container.failure


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"depth": 17}, "expects an integer in [1, 16]"),
        ({"grow_policy": "Wild"}, "one of SymmetricTree, Depthwise, Lossguide"),
        ({"objective": "binary"}, "row 2 has 2"),
    ],
)
def test_a_mistake_is_named(booster: Algorithm, hyperparameters: dict[str, object], message: str) -> None:
    table = np.array([[0.0, 1.0], [2.0, 3.0]])
    booster.channels({"train": table, "validation": table})
    assert booster.train(**hyperparameters)[0] == 1
    assert message in booster.container.failure

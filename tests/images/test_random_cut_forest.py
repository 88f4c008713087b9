"""The built-in Random Cut Forest, held against krcf itself."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from tests.images.algorithm import Algorithm, csv, metric
from tests.images.container import Container

LOADED = """
import json, sys, krcf
forest = krcf.RandomCutForest.from_msgpack(open(sys.argv[1], "rb").read())
print(json.dumps([forest.score(row) for row in json.loads(sys.argv[2])]))
"""


@pytest.fixture
def forest(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("randomcutforest"), "randomcutforest")


def test_it_finds_malignant_cells_among_benign_ones_and_answers_as_krcf_does(forest: Algorithm) -> None:
    rows, benign = forest.dataset("load_breast_cancer")
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    usual = rows[benign == 1]
    some = np.concatenate([usual[:40], rows[benign == 0][:8]])
    test = np.column_stack([np.repeat([0, 1], [40, 8]), some])
    forest.channels({"train": usual, "test": test}, "text/csv;label_size=0")
    forest.label("test", 1)
    log = forest.fit(feature_dim=30, num_trees=50)
    for name in ("accuracy", "precision", "recall", "f1"):
        assert 0 <= metric(log, f"test {name}") <= 1
    assert metric(log, "test accuracy") > 0.8
    with forest.serve() as server:
        told = [one["score"] for one in json.loads(server.invoke(csv(some))[2])["scores"]]
        line = json.loads(server.invoke(csv(some[:1]), accept="application/jsonlines")[2])
        assert line == {"score": told[0]}
    truth = forest.ask(LOADED, str(forest.model / "model_algo-1"), json.dumps(some.tolist()))
    assert np.allclose(told, truth, rtol=1e-3)
    assert np.median(told[40:]) > 1.2 * np.median(told[:40])


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({}, "'feature_dim' is a required property"),
        (
            {"feature_dim": 2, "num_trees": 10},
            "The value '10' is not valid for the 'num_trees'",
        ),
        ({"feature_dim": 2, "num_samples_per_tree": 4096}, "expects an integer in [1, 2048]"),
        ({"feature_dim": 2, "eval_metrics": '["auc"]'}, "one of accuracy, precision_recall_fscore"),
    ],
)
def test_a_mistake_is_named_before_training(
    forest: Algorithm, hyperparameters: dict[str, object], message: str
) -> None:
    forest.channels({"train": np.array([[0.0, 1.0], [1.0, 3.0]])}, "text/csv;label_size=0")
    assert forest.train(**hyperparameters)[0] == 1
    assert message in forest.container.failure

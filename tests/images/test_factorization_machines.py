"""The built-in Factorization Machines: sparse rows in, pairs of features learnt."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.images.algorithm import Algorithm, csv, metric
from tests.images.container import Container

SIZES: dict[str, object] = {"num_factors": 4, "predictor_type": "binary_classifier"}
RIDGE = """
import json, numpy as np
from sklearn import datasets, linear_model
rows, labels = datasets.load_diabetes(return_X_y=True)
rows, labels = (rows - rows.mean(0)) / rows.std(0), (labels - labels.mean()) / labels.std()
held_out = np.arange(len(labels)) % 4 == 0
model = linear_model.Ridge().fit(rows[~held_out], labels[~held_out])
print(json.dumps(float(((model.predict(rows[held_out]) - labels[held_out]) ** 2).mean() ** 0.5)))
"""


def _pairs(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One of eight users and one of eight films, liked when they are of the same half: linearly, noise."""
    dice = np.random.default_rng(seed)
    user, film = dice.integers(0, 8, (2, 2000))
    rows = np.zeros((2000, 16))
    rows[np.arange(2000), user] = rows[np.arange(2000), 8 + film] = 1
    return rows, ((user < 4) == (film < 4)).astype(float)


@pytest.fixture
def machines(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("factorization-machines"), "factorization_machines")


def test_it_learns_pairs_and_answers_sparse_rows(machines: Algorithm) -> None:
    rows, labels = _pairs(0)
    others, right = _pairs(1)
    machines.channels({"train": np.column_stack([labels, rows]), "test": np.column_stack([right, others])})
    chosen = {"epochs": 20, "factors_lr": 0.02, "mini_batch_size": 100, "factors_init_sigma": 0.1}
    log = machines.fit(**SIZES, feature_dim=16, **chosen)
    assert metric(log, "test binary_classification_accuracy") > 0.99
    assert metric(log, "test binary_classification_cross_entropy") < 0.3
    assert "epoch=19, train binary_classification_cross_entropy <loss>=" in log
    with machines.serve() as server:
        keyed = [{"data": {"features": {"keys": [0, 8], "shape": [16], "values": [1, 1]}}}]
        [told] = json.loads(server.invoke(json.dumps({"instances": keyed}), "application/json")[2])[
            "predictions"
        ]
        assert told["predicted_label"] == 1
        dense = json.loads(server.invoke(csv(others[:20]))[2])["predictions"]
        assert [one["predicted_label"] for one in dense] == right[:20].tolist()


def test_a_regressor_is_as_good_as_ridge(machines: Algorithm) -> None:
    rows, labels = machines.dataset("load_diabetes")
    rows, labels = (rows - rows.mean(0)) / rows.std(0), (labels - labels.mean()) / labels.std()
    held_out = np.arange(len(labels)) % 4 == 0
    table = np.column_stack([labels, rows])
    machines.channels({"train": table[~held_out], "test": table[held_out]})
    chosen = {"epochs": 60, "linear_lr": 0.01, "mini_batch_size": 50, "num_factors": 2}
    log = machines.fit(predictor_type="regressor", feature_dim=10, **chosen)
    assert metric(log, "test rmse") <= 1.01 * machines.ask(RIDGE)
    with np.load(machines.model / "model_algo-1") as arrays:
        assert arrays["factors"].shape == (10, 2)


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"feature_dim": 1}, "'num_factors' is a required property"),
        (
            {**SIZES, "feature_dim": 1, "bias_init_method": "uniform"},
            "requires the hyperparameter bias_init_scale",
        ),
        ({**SIZES, "feature_dim": 1}, "must be 0 or 1"),
        ({**SIZES, "feature_dim": 5}, "feature_dim says 5"),
    ],
)
def test_a_mistake_is_named(machines: Algorithm, hyperparameters: dict[str, object], message: str) -> None:
    machines.channels({"train": np.array([[0.0, 1.0], [2.0, 3.0]])})
    assert machines.train(**hyperparameters)[0] == 1
    assert message in machines.container.failure

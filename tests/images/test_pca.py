"""The built-in PCA, held against scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from tests.images.algorithm import Algorithm, csv
from tests.images.container import Container

from toolkit import recordio

TRUTH = """
import json, sys, joblib, numpy as np
from sklearn import datasets, decomposition
rows = datasets.load_digits().data
model = joblib.load(sys.argv[1])
truth = decomposition.PCA(5).fit(rows)
alike = np.abs((model.components_ * truth.components_).sum(axis=1))
print(json.dumps([type(model).__name__, alike.tolist(), model.transform(rows[:3]).tolist()]))
"""


@pytest.fixture
def pca(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("pca"), "pca")


@pytest.mark.parametrize("mode", ["regular", "randomized"])
def test_its_components_are_scikit_learns_and_the_first_comes_last(pca: Algorithm, mode: str) -> None:
    rows, _ = pca.dataset("load_digits")
    pca.channels({"train": recordio.write(rows.astype(np.float32))}, "")
    log = pca.fit(feature_dim=64, num_components=5, mini_batch_size=100, algorithm_mode=mode)
    assert "#throughput_metric" in log
    kind, alike, projected = pca.ask(TRUTH, str(pca.model / "model_algo-1"))
    assert kind == "PCA"
    assert min(alike) > 0.99
    with pca.serve() as server:
        told = json.loads(server.invoke(csv(rows[:3]))[2])["projections"]
        assert np.allclose([one["projection"][::-1] for one in told], projected, atol=1e-3)
        line = json.loads(server.invoke(csv(rows[:1]), accept="application/jsonlines")[2])
        assert line == told[0]
        assert server.invoke(csv(rows[:1]), accept="text/csv")[2].count(b",") == 4


def test_the_mean_may_stay(pca: Algorithm) -> None:
    rows, _ = pca.dataset("load_iris")
    pca.channels({"train": rows}, "text/csv;label_size=0")
    pca.fit(feature_dim=4, num_components=2, mini_batch_size=10, subtract_mean="False")
    with pca.serve() as server:
        [told] = json.loads(server.invoke("0,0,0,0")[2])["projections"]
        assert told["projection"] == [0, 0]
        [told] = json.loads(server.invoke(csv(rows[:1]))[2])["projections"]
        assert abs(told["projection"][1]) > 0.9 * np.linalg.norm(rows[0])


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"feature_dim": 2, "num_components": 1}, "'mini_batch_size' is a required property"),
        ({"feature_dim": 2, "num_components": 3, "mini_batch_size": 1}, "it must be at most feature_dim"),
        (
            {"feature_dim": 2, "num_components": 1, "mini_batch_size": 1, "algorithm_mode": "fast"},
            "expects one of regular, randomized",
        ),
    ],
)
def test_a_mistake_is_named_before_training(
    pca: Algorithm, hyperparameters: dict[str, object], message: str
) -> None:
    pca.channels({"train": np.array([[0.0, 1.0], [2.0, 3.0]])}, "text/csv;label_size=0")
    assert pca.train(**hyperparameters)[0] == 1
    assert message in pca.container.failure

"""The built-in LDA, held against scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from tests.images.algorithm import Algorithm, csv, metric
from tests.images.container import Container

TRUTH = """
import json, sys, joblib
from sklearn import datasets, decomposition
rows = datasets.load_digits().data
model = joblib.load(sys.argv[1])
truth = decomposition.LatentDirichletAllocation(10, random_state=0).fit(rows)
said = [type(model).__name__, truth.score(rows) / rows.sum(), model.transform(rows[:3]).tolist()]
print(json.dumps(said))
"""


@pytest.fixture
def lda(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("lda"), "lda")


@pytest.mark.slow
def test_its_topics_are_as_likely_as_scikit_learns(lda: Algorithm) -> None:
    rows, _ = lda.dataset("load_digits")  # of ink, dots are the words
    lda.channels({"train": rows, "test": rows}, "text/csv;label_size=0")
    log = lda.fit(feature_dim=64, num_topics=10, mini_batch_size=len(rows))
    kind, likely, mixtures = lda.ask(TRUTH, str(lda.model / "model_algo-1"))
    assert kind == "LatentDirichletAllocation"
    assert metric(log, "test pwll") >= 1.01 * likely  # both are below zero
    with lda.serve() as server:
        told = json.loads(server.invoke(csv(rows[:3]))[2])["predictions"]
        assert np.allclose([one["topic_mixture"] for one in told], mixtures, atol=1e-3)
        assert server.invoke(csv(-rows[:1]))[0] == 400


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"feature_dim": 2, "num_topics": 2}, "'mini_batch_size' is a required property"),
        (
            {"feature_dim": 2, "num_topics": 2, "mini_batch_size": 1, "alpha0": 0},
            "expects a number in (0, ∞)",
        ),
        ({"feature_dim": 2, "num_topics": 2, "mini_batch_size": 1}, "has negative counts"),
    ],
)
def test_a_mistake_is_named(lda: Algorithm, hyperparameters: dict[str, object], message: str) -> None:
    lda.channels({"train": np.array([[0.0, 1.0], [1.0, -3.0]])}, "text/csv;label_size=0")
    assert lda.train(**hyperparameters)[0] == 1
    assert message in lda.container.failure

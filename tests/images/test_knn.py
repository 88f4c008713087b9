"""The built-in k-NN, held against scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from tests.images.algorithm import Algorithm, csv, metric
from tests.images.container import Container

REFERENCE = """
import json, sys, numpy as np
from sklearn import datasets, neighbors
rows, labels = getattr(datasets, sys.argv[1])(return_X_y=True)
held_out = np.arange(len(labels)) % 4 == 0
model = getattr(neighbors, sys.argv[2])(5).fit(rows[~held_out], labels[~held_out])
said = model.predict(rows[held_out])
print(json.dumps([said.tolist(), model.kneighbors(rows[held_out][:1])[0].tolist()]))
"""
LOADED = """
import json, sys, joblib
print(json.dumps(type(joblib.load(sys.argv[1])).__name__))
"""
SIZES: dict[str, object] = {"k": 5, "sample_size": 100000}


@pytest.fixture
def knn(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("knn"), "knn")


@pytest.mark.parametrize(
    ("kind", "data", "reference"),
    [
        ("classifier", "load_digits", "KNeighborsClassifier"),
        ("regressor", "load_diabetes", "KNeighborsRegressor"),
    ],
)
def test_it_answers_as_scikit_learn_does(knn: Algorithm, kind: str, data: str, reference: str) -> None:
    rows, labels = knn.dataset(data)
    held_out = np.arange(len(labels)) % 4 == 0
    table = np.column_stack([labels, rows])
    knn.channels({"train": table[~held_out], "test": table[held_out]})
    log = knn.fit(**SIZES, predictor_type=kind, feature_dim=rows.shape[1])
    said, distances = knn.ask(REFERENCE, data, reference)
    assert knn.ask(LOADED, str(knn.model / "model_algo-1")) == reference
    right = labels[held_out]
    if kind == "classifier":
        assert metric(log, "test accuracy") == pytest.approx((np.array(said) == right).mean(), abs=0.01)
    else:
        assert metric(log, "test mse") == pytest.approx(((np.array(said) - right) ** 2).mean(), rel=0.01)
    with knn.serve() as server:
        body = csv(rows[held_out][:1])
        assert list(json.loads(server.invoke(body)[2])["predictions"][0]) == ["predicted_label"]
        [told] = json.loads(server.invoke(body, accept="application/json; verbose=true")[2])["predictions"]
        assert np.allclose(told["distances"], distances[0], rtol=1e-3)
        assert len(told["labels"]) == 5
        assert float(server.invoke(body, accept="text/csv")[2]) == told["predicted_label"]


@pytest.mark.parametrize("metric_name", ["COSINE", "INNER_PRODUCT"])
@pytest.mark.parametrize("reduction", ["sign", "fjlt"])
def test_metrics_and_reductions_of_dimension_keep_what_is_near(
    knn: Algorithm, metric_name: str, reduction: str
) -> None:
    rows, labels = knn.dataset("load_digits")
    held_out = np.arange(len(labels)) % 4 == 0
    # An inner product is a nearness only of rows of one length.
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    table = np.column_stack([labels, rows])
    knn.channels({"train": table[~held_out], "test": table[held_out]})
    chosen = {"dimension_reduction_type": reduction, "dimension_reduction_target": 48}
    log = knn.fit(**SIZES, predictor_type="classifier", feature_dim=64, index_metric=metric_name, **chosen)
    # A reduction changes lengths a little, which an inner product minds and an angle does not.
    assert metric(log, "test accuracy") > (0.85 if metric_name == "INNER_PRODUCT" else 0.93)


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"k": 1, "predictor_type": "classifier", "feature_dim": 1}, "'sample_size' is a required property"),
        ({**SIZES, "predictor_type": "classifier", "feature_dim": 1}, "k is 5; the sample has only 2 rows"),
        (
            {**SIZES, "predictor_type": "classifier", "feature_dim": 1, "dimension_reduction_type": "sign"},
            "come together; one of them is missing",
        ),
    ],
)
def test_a_mistake_is_named(knn: Algorithm, hyperparameters: dict[str, object], message: str) -> None:
    knn.channels({"train": np.array([[0.0, 1.0], [1.0, 3.0]])})
    assert knn.train(**hyperparameters)[0] == 1
    assert message in knn.container.failure

"""The built-in K-Means, held against scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from tests.images.algorithm import Algorithm, csv, metric
from tests.images.container import Container

from toolkit import recordio

REFERENCE = """
import json, numpy as np
from sklearn import cluster, datasets
rows = datasets.load_digits().data
print(json.dumps(cluster.KMeans(10, n_init=1, random_state=0).fit(rows).inertia_ / len(rows)))
"""
LOADED = """
import json, sys, joblib
model = joblib.load(sys.argv[1])
print(json.dumps([type(model).__name__, model.predict(json.loads(sys.argv[2])).tolist()]))
"""


@pytest.fixture
def kmeans(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("kmeans"), "kmeans")


def test_it_clusters_as_scikit_learn_does_and_its_model_loads_there(kmeans: Algorithm) -> None:
    rows, _ = kmeans.dataset("load_digits")
    kmeans.channels({"train": rows, "test": rows}, "text/csv;label_size=0")
    log = kmeans.fit(k=10, feature_dim=64, eval_metrics='["msd","ssd"]')
    assert metric(log, "train msd") <= 1.01 * kmeans.ask(REFERENCE)
    assert metric(log, "test ssd") == pytest.approx(metric(log, "test msd") * len(rows))
    few = rows[:4]
    kind, said = kmeans.ask(LOADED, str(kmeans.model / "model_algo-1"), json.dumps(few.tolist()))
    assert kind == "KMeans"
    with kmeans.serve() as server:
        told = json.loads(server.invoke(csv(few))[2])["predictions"]
        assert [one["closest_cluster"] for one in told] == said
        assert all(one["distance_to_cluster"] > 0 for one in told)
        lines = server.invoke(csv(few), accept="text/csv")[2].decode().splitlines()
        assert [float(line.partition(",")[0]) for line in lines] == said
        kind = "application/x-recordio-protobuf"
        body = server.invoke(recordio.write(few.astype(np.float32)), kind, kind)[2]
        assert len(list(recordio.records(body))) == 4


def test_a_first_column_beyond_feature_dim_is_a_label(kmeans: Algorithm) -> None:
    rows, labels = kmeans.dataset("load_iris")
    kmeans.channels({"train": np.column_stack([labels, rows])})
    kmeans.fit(k=3, feature_dim=4)
    with kmeans.serve() as server:
        assert server.invoke(csv(rows[:1]))[0] == 200


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"feature_dim": 2}, "'k' is a required property"),
        ({"feature_dim": 2, "k": 0}, "The value '0' is not valid for the 'k' hyperparameter"),
        ({"feature_dim": 2, "k": 3}, "The train channel has 2 rows; k=3 clusters need at least as many"),
        ({"feature_dim": 7, "k": 2}, "feature_dim says 7"),
        ({"feature_dim": 2, "k": 2, "eval_metrics": '["mad"]'}, "expects one of msd, ssd"),
    ],
)
def test_a_mistake_is_named_before_training(
    kmeans: Algorithm, hyperparameters: dict[str, object], message: str
) -> None:
    kmeans.channels({"train": np.array([[0.0, 1.0], [2.0, 3.0]])}, "text/csv;label_size=0")
    assert kmeans.train(**hyperparameters)[0] == 1
    assert message in kmeans.container.failure

"""The built-in Linear Learner, held against scikit-learn on scikit-learn's data sets."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable

import numpy as np
import pytest
from tests.images.algorithm import Algorithm, csv, metric
from tests.images.container import IMAGES, Container

from toolkit import recordio

REFERENCE = """
import json, sys, numpy as np
from sklearn import datasets, linear_model, pipeline, preprocessing
features, labels = getattr(datasets, sys.argv[1])(return_X_y=True)
held_out = np.arange(len(labels)) % 4 == 0
model = pipeline.make_pipeline(preprocessing.StandardScaler(), getattr(linear_model, sys.argv[2])())
model.fit(features[~held_out], labels[~held_out])
said = model.predict(features[held_out])
right = labels[held_out]
print(json.dumps({"accuracy": float((said == right).mean()), "mse": float(((said - right) ** 2).mean())}))
"""
LOADED = """
import json, sys, joblib
model = joblib.load(sys.argv[1])
print(json.dumps([type(model).__name__, model.predict(json.loads(sys.argv[2])).tolist()]))
"""
CASES: dict[str, tuple[str, dict[str, object], str]] = {
    "binary": ("load_breast_cancer", {"predictor_type": "binary_classifier"}, "LogisticRegression"),
    "digits": (
        "load_digits",
        {"predictor_type": "multiclass_classifier", "num_classes": 10},
        "LogisticRegression",
    ),
    "regression": ("load_diabetes", {"predictor_type": "regressor"}, "LinearRegression"),
}


@pytest.fixture
def learner(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("linear-learner"), "linear_learner")


@pytest.mark.parametrize("case", CASES)
def test_it_is_as_good_as_scikit_learn_and_its_model_loads_there(learner: Algorithm, case: str) -> None:
    data, hyperparameters, reference = CASES[case]
    features, labels = learner.dataset(data)
    held_out = np.arange(len(labels)) % 4 == 0
    table = np.column_stack([labels, features])
    learner.channels({"train": table[~held_out], "test": table[held_out]})
    log = learner.fit(**hyperparameters)
    truth = learner.ask(REFERENCE, data, reference)
    if case == "regression":
        assert metric(log, "test mse") <= truth["mse"] * 1.01
    else:
        name = "multiclass_accuracy" if case == "digits" else "binary_classification_accuracy"
        assert metric(log, f"test {name}") >= truth["accuracy"] - 0.01
    few = features[held_out][:5]
    kind, said = learner.ask(LOADED, str(learner.model / "model_algo-1"), json.dumps(few.tolist()))
    assert kind == reference
    with learner.serve() as server:
        answered = json.loads(server.invoke(csv(few))[2])["predictions"]
    key = "score" if case == "regression" else "predicted_label"
    assert np.allclose([one[key] for one in answered], said)


def test_every_documented_content_type_is_read_and_written(learner: Algorithm) -> None:
    features, labels = learner.dataset("load_iris")
    record = recordio.write(features.astype(np.float32), labels.astype(np.float32))
    learner.channels({"train": record}, "")
    learner.fit(predictor_type="multiclass_classifier", num_classes=3, feature_dim=4, mini_batch_size=50)
    row = features[:1]
    with learner.serve() as server:
        status, media, body = server.invoke(csv(row), accept="application/json")
        assert (status, media) == (200, "application/json")
        [told] = json.loads(body)["predictions"]
        assert told["predicted_label"] == 0
        assert abs(sum(told["score"]) - 1) < 1e-6
        instances = json.dumps({"instances": [{"features": row[0].tolist()}]})
        assert json.loads(server.invoke(instances, "application/json")[2])["predictions"][0] == told
        line = json.dumps({"data": {"features": {"values": row[0].tolist()}}})
        answer = server.invoke(line, "application/jsonlines", "application/jsonlines")[2]
        assert json.loads(answer) == told
        sparse = {"data": {"features": {"keys": [0, 2], "shape": [4], "values": [5.1, 1.4]}}}
        assert server.invoke(json.dumps({"instances": [sparse]}), "application/json")[0] == 200
        rows = recordio.write(row.astype(np.float32))
        kind = "application/x-recordio-protobuf"
        status, media, body = server.invoke(rows, kind, kind)
        assert (status, media) == (200, kind)
        assert len(list(recordio.records(body))) == 1
        assert b"predicted_label" in body
        assert server.invoke(csv(row), accept="text/csv")[2].count(b",") == 3
        assert server.invoke("1,2")[0] == 400
        assert server.invoke("<x/>", "text/xml")[0] == 415


@pytest.mark.parametrize(
    "loss",
    [
        "absolute_loss",
        "quantile_loss",
        "huber_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
    ],
)
def test_every_loss_of_a_regressor_fits(learner: Algorithm, loss: str) -> None:
    features, labels = learner.dataset("load_diabetes")
    learner.channels({"train": np.column_stack([labels, features])})
    log = learner.fit(predictor_type="regressor", loss=loss)
    assert metric(log, "train absolute_loss") < 0.7 * np.abs(labels - np.median(labels)).mean()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_a_named_optimizer_goes_by_batches(learner: Algorithm, optimizer: str) -> None:
    features, labels = learner.dataset("load_breast_cancer")
    learner.channels({"train": np.column_stack([labels, features])})
    chosen = {"optimizer": optimizer, "learning_rate": 0.01, "mini_batch_size": 50, "l1": 0.001}
    log = learner.fit(predictor_type="binary_classifier", loss="hinge_loss", num_models=2, **chosen)
    assert metric(log, "train binary_classification_accuracy") > 0.95
    assert "completed 100 % of epochs" in log or "epoch=" in log


def test_a_criterion_chooses_the_threshold(learner: Algorithm) -> None:
    features, labels = learner.dataset("load_breast_cancer")
    learner.channels({"train": np.column_stack([labels, features[:, :3]])})
    wanted = {
        "binary_classifier_model_selection_criteria": "precision_at_target_recall",
        "target_recall": 0.99,
    }
    log = learner.fit(predictor_type="binary_classifier", **wanted)
    assert metric(log, "train recall") >= 0.99


def test_the_metric_definitions_find_what_is_logged(learner: Algorithm) -> None:
    features, labels = learner.dataset("load_breast_cancer")
    table = np.column_stack([labels, features])
    learner.channels({"train": table, "validation": table, "test": table})
    log = learner.fit(predictor_type="binary_classifier", epochs=2)
    definitions = tomllib.loads((IMAGES / "linear-learner/image.toml").read_text())["metrics"]
    found = {name for name, regex in definitions.items() if re.search(regex, log)}
    other = ("multiclass", "macro", "dcg", "mse", "absolute")
    assert found == {name for name in definitions if not any(word in name for word in other)}


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({}, "'predictor_type' is a required property"),
        (
            {"predictor_type": "ranker"},
            "The value 'ranker' is not valid for the 'predictor_type' hyperparameter",
        ),
        (
            {"predictor_type": "regressor", "k": 3},
            "Additional hyperparameters are not allowed ('k' unexpected)",
        ),
        ({"predictor_type": "regressor", "epochs": 0}, "expects an integer in [1, ∞)"),
        ({"predictor_type": "multiclass_classifier"}, "num_classes is not given"),
        ({"predictor_type": "regressor", "loss": "logistic"}, "The loss 'logistic' is not for a regressor"),
        ({"predictor_type": "regressor", "feature_dim": 3}, "The train channel has 1 features"),
        ({"predictor_type": "binary_classifier"}, "row 2 of the train channel has 2"),
        ({"predictor_type": "regressor", "positive_example_weight_mult": -1}, "'balanced' or 'auto'"),
    ],
)
def test_a_mistake_is_named_before_training(
    learner: Algorithm, hyperparameters: dict[str, object], message: str
) -> None:
    learner.channels({"train": np.array([[0.0, 1.0], [2.0, 3.0]])})
    code, said = learner.train(**hyperparameters)
    assert code == 1, said
    assert learner.container.failure.startswith("ClientError: ")
    assert message in learner.container.failure

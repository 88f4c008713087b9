"""The model file: a scikit-learn estimator, so that joblib.load gives something that predicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm import artefact

Array = NDArray[np.floating]

FACTS = "linear-learner.json"


def save(folder: Path, weights: Array, kind: str, loss: str, threshold: float) -> None:
    """Write a LogisticRegression, LinearSVC or LinearRegression with these weights, and what it lacks."""
    artefact.save(folder, _estimator(weights, kind, loss))
    facts = {"predictor_type": kind, "loss": loss, "threshold": threshold}
    (folder / FACTS).write_text(json.dumps(facts))


def load(folder: Path) -> tuple[Array, dict[str, Any]]:
    """Return the weights, the bias in the last row, and the facts."""
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
    model = artefact.load(folder)
    coefficients = np.atleast_2d(model.coef_)
    return np.vstack([coefficients.T, np.atleast_1d(model.intercept_)[None, :]]), facts


def _estimator(weights: Array, kind: str, loss: str) -> Any:
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.svm import LinearSVC

    coefficients, bias = np.ascontiguousarray(weights[:-1].T), weights[-1]
    if kind == "regressor":
        model = LinearRegression()
        model.coef_, model.intercept_ = coefficients[0], float(bias[0])
    else:
        model = LinearSVC() if loss == "hinge_loss" else LogisticRegression()
        model.coef_, model.intercept_ = coefficients, bias
        model.classes_ = np.arange(max(2, len(coefficients)))
    model.n_features_in_ = coefficients.shape[1]
    return model

"""Runs inside the scikit-learn image's environment: what the image does in scikit-learn's place, beside it.

`python scikit_learn_models.py FOLDER` says of some models whether the image writes them down, and in how many
predictions it differs; of some whether their rows may be predicted together; and writes one as
FOLDER/model.joblib, with what it predicts of some rows.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sagemaker_sklearn.quick import Predictor
from sagemaker_sklearn.rowwise import by_row
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import NMF
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

warnings.simplefilter("ignore")
IRIS, CANCER, NUMBERS = (load(return_X_y=True) for load in (load_iris, load_breast_cancer, load_diabetes))
NAMED = CANCER[0], np.where(CANCER[1] == 1, "benign", "malign")


class Mine(LogisticRegression):  # type: ignore[misc]
    """A user's own estimator."""

    def predict(self, rows: Any) -> Any:
        """Look at all rows."""
        return super().predict(rows - rows.mean(axis=0))


QUICK = [
    (LogisticRegression(max_iter=100), IRIS),
    (make_pipeline(StandardScaler(), LogisticRegression()), CANCER),
    (make_pipeline(MinMaxScaler(), LogisticRegression()), NAMED),
    (make_pipeline(StandardScaler(with_mean=False), "passthrough", MinMaxScaler(), Ridge()), NUMBERS),
    (LinearSVC(), CANCER),
    (SGDClassifier(), IRIS),
    (LinearRegression(), NUMBERS),
    (LinearRegression(), (NUMBERS[0], np.c_[NUMBERS[1], NUMBERS[1]])),
    (ElasticNet(), NUMBERS),
    (Lasso(), NUMBERS),
    (DecisionTreeClassifier(max_depth=4), IRIS),
    (DecisionTreeRegressor(), NUMBERS),
    (RandomForestClassifier(10), CANCER),
    (ExtraTreesClassifier(10), NAMED),
    (RandomForestRegressor(10), NUMBERS),
]
SLOW = [
    (Mine(), CANCER),
    (make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()), CANCER),
    (KNeighborsClassifier(), IRIS),
    (RandomForestRegressor(5), (NUMBERS[0], np.c_[NUMBERS[1], NUMBERS[1]])),
]
ROWS = [
    (LogisticRegression(), True),
    (make_pipeline(StandardScaler(), RandomForestClassifier()), True),
    (GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}), True),
    (KMeans(), True),
    (make_pipeline(NMF(), LogisticRegression()), False),
    (make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()), False),
    (GridSearchCV(Mine(), {"C": [1.0]}), False),
    (KNeighborsClassifier(metric=lambda a, b: abs(a - b).sum()), False),
    (Mine(), False),
    (lambda rows: rows, False),
]


def compare(model: Any, rows: Any, labels: Any) -> list[Any]:
    """Predict tables of several sizes and types both ways."""
    model.fit(rows, labels)
    quick, wrong = Predictor(model)._quick, 0
    tables = [rows[at : at + size] for size in (1, 2, 7, 64) for at in range(0, 150 - size, 13)]
    for table in [table.astype(kind) for table in tables for kind in (np.float32, np.float64)]:
        found, own = (quick(table) if quick else None), model.predict(table)
        wrong += found is None or found.dtype != own.dtype or not np.array_equal(found, own)
    return [str(model), quick is not None, wrong]


def odd() -> list[Any]:
    """Say of models that are whole but for what they tell of themselves how they fare, joined and not."""
    older = make_pipeline(StandardScaler(), LogisticRegression()).fit(*CANCER)
    del older.transform_input  # as a Pipeline that was saved before there was such a parameter
    bare = make_pipeline("passthrough", LogisticRegression()).fit(*CANCER)
    row = CANCER[0][:1]
    return [[by_row(each), bool(Predictor(each)(row) == each.predict(row))] for each in (older, bare)]


def save(folder: Path) -> list[Any]:
    """Write a model, and return what it predicts."""
    model = make_pipeline(StandardScaler(), Ridge()).fit(*NUMBERS)
    joblib.dump(model, folder / "model.joblib")
    rows = NUMBERS[0][:100].astype(np.float32)
    return [rows.tolist(), model.predict(rows).tolist()]


if __name__ == "__main__":
    told = {
        "quick": [compare(model, *data) for model, data in [*QUICK, *SLOW]],
        "rows": [[str(model), by_row(model), wanted] for model, wanted in ROWS],
        "odd": odd(),
        "saved": save(Path(sys.argv[1])),
    }
    print(json.dumps(told))

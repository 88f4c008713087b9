"""Runs in the environment of the built-in algorithms: real data, and what their libraries make of it alone.

`python algorithm_references.py data FOLDER` writes the data sets as CSV, label first where there is one;
`python algorithm_references.py NAME FOLDER` reads NAME's as the algorithm does, trains with the library
called directly, and prints the metric.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float32]


def data(folder: Path) -> None:
    """Write scikit-learn's two sample photographs, as patches of 3 by 3 points, and its digits."""
    from sklearn import datasets

    images = datasets.load_sample_images().images
    patches = [_patches(image) for image in images]
    rows = np.concatenate(patches)
    labels = np.repeat([0, 1], [len(each) for each in patches])
    order = np.random.default_rng(0).permutation(len(rows))[::2]
    _write(folder / "patches", np.column_stack([labels, rows])[order])
    _write(folder / "points", images[0].reshape(-1, 3).astype(np.float32))
    _write(folder / "anomalies", np.column_stack([labels, rows])[order[:30000]])
    digits, numbers = datasets.load_digits(return_X_y=True)
    _write(folder / "digits", np.column_stack([numbers, digits]))
    diabetes, progress = datasets.load_diabetes(return_X_y=True)
    _write(folder / "diabetes", np.column_stack([progress, diabetes]))


def linear_binary(train: Table, test: Table) -> float:
    """Accuracy of LogisticRegression."""
    from sklearn.linear_model import LogisticRegression

    rows, mean, deviation = _scaled(train)
    model = LogisticRegression(max_iter=150).fit(rows, train[:, 0])
    return float(model.score((test[:, 1:] - mean) / deviation, test[:, 0]))


def linear_multiclass(train: Table, test: Table) -> float:
    """Accuracy of LogisticRegression over ten classes."""
    return linear_binary(train, test)


def linear_regression(train: Table, test: Table) -> float:
    """Mean squared error of LinearRegression."""
    from sklearn.linear_model import LinearRegression

    rows, mean, deviation = _scaled(train)
    said = LinearRegression().fit(rows, train[:, 0]).predict((test[:, 1:] - mean) / deviation)
    return float(((said - test[:, 0]) ** 2).mean())


def kmeans(train: Table, test: Table) -> float:
    """Mean squared distance of KMeans."""
    from sklearn.cluster import KMeans

    model = KMeans(16, n_init=1, random_state=0).fit(train)
    return float(-model.score(test) / len(test))


def pca(train: Table, test: Table) -> float:
    """Nothing to compare but time and memory: 1."""
    from sklearn.decomposition import PCA

    PCA(8, svd_solver="covariance_eigh").fit(train[:, 1:])
    return 1.0


def knn(train: Table, test: Table) -> float:
    """Accuracy of KNeighborsClassifier."""
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(5, algorithm="brute").fit(train[:, 1:], train[:, 0])
    return float(model.score(test[:, 1:], test[:, 0]))


def forest(train: Table, test: Table) -> float:
    """Grow krcf's forest and score the training rows' sample and the test rows, as the algorithm must."""
    import krcf

    options: Any = {"dimensions": train.shape[1] - 1, "shingle_size": 1, "num_trees": 100, "sample_size": 256}
    grown = krcf.RandomCutForest({**options, "output_after": 1, "random_seed": 1, "lambda": 0.0})
    needed = train[np.sort(np.random.default_rng(1).choice(len(train), 100 * 256, replace=False)), 1:]
    for row in needed:
        grown.update(row.tolist())
    usual = np.array([grown.score(row) for row in needed[:: len(needed) // 2000].tolist()])
    found = np.array([grown.score(row) for row in test[:, 1:].tolist()])
    return float(((found > usual.mean() + 3 * usual.std()) == (test[:, 0] > 0.5)).mean())


def lda(train: Table, test: Table) -> float:
    """Log-likelihood a word of LatentDirichletAllocation."""
    from sklearn.decomposition import LatentDirichletAllocation

    model = LatentDirichletAllocation(10, doc_topic_prior=0.1, random_state=0).fit(train[:, 1:])
    return float(model.score(test[:, 1:]) / test[:, 1:].sum())


def factorization(train: Table, test: Table) -> float:
    """Root of the mean squared error of Ridge: there is no open library of factorization machines to ask."""
    from sklearn.linear_model import Ridge

    model = Ridge().fit(train[:, 1:], train[:, 0])
    return float(((model.predict(test[:, 1:]) - test[:, 0]) ** 2).mean() ** 0.5)


def xgboost(train: Table, test: Table) -> float:
    """Logarithmic loss of Booster."""
    import xgboost

    rows, held_out = (xgboost.DMatrix(each[:, 1:], each[:, 0]) for each in (train, test))
    parameters = {"objective": "binary:logistic", "max_depth": 6, "nthread": _cpus()}
    found: dict[str, Any] = {}
    watched = [(rows, "train"), (held_out, "test")]
    xgboost.train(
        {**parameters, "eval_metric": "logloss"},
        rows,
        60,
        evals=watched,
        evals_result=found,
        verbose_eval=False,
    )
    return float(found["test"]["logloss"][-1])


def lightgbm(train: Table, test: Table) -> float:
    """Logarithmic loss of Booster."""
    import lightgbm

    parameters = {
        "objective": "binary", "metric": "binary_logloss", "num_leaves": 64, "max_depth": 6,
        "feature_fraction": 0.9, "bagging_fraction": 0.9, "bagging_freq": 1, "min_data_in_leaf": 3,
        "seed": 0, "verbosity": -1, "num_threads": _cpus(),
    }  # fmt: skip
    rows = lightgbm.Dataset(train[:, 1:], label=train[:, 0])
    watched = lightgbm.Dataset(test[:, 1:], label=test[:, 0], reference=rows)
    found: dict[str, Any] = {}
    lightgbm.train(parameters, rows, 60, valid_sets=[watched], callbacks=[lightgbm.record_evaluation(found)])
    return float(found["valid_0"]["binary_logloss"][-1])


def catboost(train: Table, test: Table) -> float:
    """Logarithmic loss of CatBoost."""
    import catboost

    model = catboost.CatBoost(
        {
            "loss_function": "Logloss", "eval_metric": "Logloss", "iterations": 60, "learning_rate": 0.1,
            "depth": 6, "random_seed": 1, "thread_count": _cpus(), "allow_writing_files": False,
            # The algorithm's documented defaults, where CatBoost has others.
            "bagging_temperature": 1.0, "sampling_frequency": "PerTreeLevel",
        }
    )  # fmt: skip
    rows, held_out = (catboost.Pool(each[:, 1:], each[:, 0]) for each in (train, test))
    model.fit(rows, eval_set=held_out, verbose=False)
    return float(model.get_best_score()["validation"]["Logloss"])


def _cpus() -> int:
    import os

    return len(os.sched_getaffinity(0))


def _patches(image: NDArray[np.uint8]) -> Table:
    height, width, _ = image.shape
    parts = [
        image[down : height - 2 + down, right : width - 2 + right].reshape(-1, 3)
        for down in range(3)
        for right in range(3)
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _write(folder: Path, table: NDArray[Any]) -> None:
    held_out = np.arange(len(table)) % 10 == 0
    for name, rows in (("train", table[~held_out]), ("test", table[held_out])):
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.savetxt(folder / name / "part.csv", rows, delimiter=",", fmt="%.7g")


def _scaled(train: Table) -> tuple[Table, Table, Table]:
    mean, deviation = train[:, 1:].mean(axis=0), train[:, 1:].std(axis=0)
    deviation[deviation == 0] = 1
    return (train[:, 1:] - mean) / deviation, mean, deviation


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    if what == "data":
        data(place)
    else:
        tables = [
            np.loadtxt(place / name / "part.csv", delimiter=",", dtype=np.float32)
            for name in ("train", "test")
        ]
        print(globals()[what](*tables))

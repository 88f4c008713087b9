"""The sample that is searched: rows, perhaps of fewer dimensions, and what is near."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

METRICS = {"L2": "euclidean", "COSINE": "cosine", "INNER_PRODUCT": "euclidean"}
"""How scikit-learn calls them. It has no inner product; those are sought here."""


def projection(kind: str, width: int, target: int, seed: int) -> Floats:
    """Return the matrix of a random projection that keeps distances: `sign` or `fjlt`."""
    dice = np.random.default_rng(seed)
    if kind == "sign":
        signs = dice.choice([-1.0, 1.0], (width, target))
        return np.asarray(signs / np.sqrt(target), np.float32)
    from scipy.fft import dct

    # A fast Johnson-Lindenstrauss transform: random signs, a cosine transform, a sample of its outcome.
    mixed = dct(np.diag(dice.choice([-1.0, 1.0], width)), norm="ortho", axis=1)
    chosen = dice.choice(width, target, replace=False)
    return np.asarray(mixed[:, chosen] * np.sqrt(width / target), np.float32)


def nearest(estimator: Any, metric: str, rows: Floats, count: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return distances and places of the nearest rows of the sample, the nearest first."""
    if metric != "INNER_PRODUCT":
        distances, places = estimator.kneighbors(rows, n_neighbors=count)
        return distances, places
    products = rows @ estimator._fit_X.T
    places = np.argpartition(-products, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(products, places, axis=1), axis=1)
    places = np.take_along_axis(places, order, axis=1)
    return np.take_along_axis(products, places, axis=1), places


def vote(labels: NDArray[np.floating], *, classify: bool) -> NDArray[np.float64]:
    """Return the most frequent label of every row (the smallest of equals), or the mean."""
    if not classify:
        mean: NDArray[np.float64] = labels.mean(axis=1, dtype=np.float64)
        return mean
    classes, codes = np.unique(labels, return_inverse=True)
    codes = codes.reshape(labels.shape)
    counts = np.zeros((len(labels), len(classes)), np.int32)
    for column in range(labels.shape[1]):
        counts[np.arange(len(labels)), codes[:, column]] += 1
    found: NDArray[np.float64] = classes[counts.argmax(axis=1)].astype(np.float64)
    return found

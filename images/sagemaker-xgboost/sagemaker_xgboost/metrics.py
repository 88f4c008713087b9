"""Evaluation metrics that AWS's container adds to XGBoost's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Metric = Callable[[Array, Array], float]


class Labelled(Protocol):
    """The one thing asked of a DMatrix here."""

    def get_label(self) -> Array:
        """Return the labels."""
        ...


def evaluator(
    names: list[str], objective: str
) -> Callable[[Array, Labelled], list[tuple[str, float]]] | None:
    """Return a custom metric function for those of the names that XGBoost itself does not know."""
    chosen = [name for name in names if name in OWN]
    if not chosen:
        return None

    def evaluate(scores: Array, matrix: Labelled) -> list[tuple[str, float]]:
        labels = matrix.get_label()
        guesses = scores if is_regression(objective) else classes(scores, objective)
        return [(name, OWN[name](labels, scores if name in REGRESSION else guesses)) for name in chosen]

    return evaluate


def is_regression(objective: str) -> bool:
    """Tell whether an objective predicts a quantity rather than a class."""
    return not objective.startswith(("binary:", "multi:"))


def classes(scores: Array, objective: str) -> Array:
    """Turn predictions into class numbers."""
    if scores.ndim == 2:
        return np.asarray(scores.argmax(axis=1), np.float32)
    if objective == "multi:softmax":
        return scores
    return (scores > (0.0 if objective == "binary:logitraw" else 0.5)).astype(np.float32)


def _counts(labels: Array, guesses: Array) -> tuple[Array, Array, Array]:
    kinds = np.unique(np.concatenate([labels, guesses]))
    right = np.array([np.sum((labels == kind) & (guesses == kind)) for kind in kinds], dtype=np.float64)
    guessed = np.array([np.sum(guesses == kind) for kind in kinds], dtype=np.float64)
    real = np.array([np.sum(labels == kind) for kind in kinds], dtype=np.float64)
    return right, guessed, real  # type: ignore[return-value]


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _accuracy(labels: Array, guesses: Array) -> float:
    return float(np.mean(labels == guesses))


def _precision_macro(labels: Array, guesses: Array) -> float:
    right, guessed, _ = _counts(labels, guesses)
    return float(_ratio(right, guessed).mean())


def _recall_macro(labels: Array, guesses: Array) -> float:
    right, _, real = _counts(labels, guesses)
    return float(_ratio(right, real).mean())


def _balanced_accuracy(labels: Array, guesses: Array) -> float:
    right, _, real = _counts(labels, guesses)
    return float(_ratio(right, real)[real > 0].mean())


def _f1_macro(labels: Array, guesses: Array) -> float:
    right, guessed, real = _counts(labels, guesses)
    return float(_ratio(2 * right, guessed + real).mean())


def _f1_binary(labels: Array, guesses: Array) -> float:
    both = float(np.sum((labels == 1) & (guesses == 1)))
    either = float(np.sum(labels == 1) + np.sum(guesses == 1))
    return 2 * both / either if either else 0.0


def _precision(labels: Array, guesses: Array) -> float:
    guessed = float(np.sum(guesses == 1))
    return float(np.sum((labels == 1) & (guesses == 1))) / guessed if guessed else 0.0


def _recall(labels: Array, guesses: Array) -> float:
    real = float(np.sum(labels == 1))
    return float(np.sum((labels == 1) & (guesses == 1))) / real if real else 0.0


def _mse(labels: Array, scores: Array) -> float:
    return float(np.mean((labels.astype(np.float64) - scores) ** 2))


def _r2(labels: Array, scores: Array) -> float:
    spread = float(np.sum((labels.astype(np.float64) - labels.mean()) ** 2))
    return 1.0 - float(np.sum((labels.astype(np.float64) - scores) ** 2)) / spread if spread else 0.0


REGRESSION = frozenset(("mse", "r2"))
OWN: dict[str, Metric] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1_macro,
    "f1_binary": _f1_binary,
    "f1_macro": _f1_macro,
    "mse": _mse,
    "precision": _precision,
    "precision_macro": _precision_macro,
    "precision_micro": _accuracy,
    "r2": _r2,
    "recall": _recall,
    "recall_macro": _recall_macro,
    "recall_micro": _accuracy,
}

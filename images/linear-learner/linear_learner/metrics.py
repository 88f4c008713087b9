"""Scores a trained model on a channel, and finds the threshold of a binary classifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.hyperparameters import Settings

Array = NDArray[np.floating]
Metrics = dict[str, float]


def binary(score: Array, labels: Array, threshold: float, beta: float) -> Metrics:
    """Return the metrics of a binary classifier."""
    said, true = score >= threshold, labels > 0.5
    hit = float((said & true).sum())
    precision, recall = _ratio(hit, float(said.sum())), _ratio(hit, float(true.sum()))
    return {
        "binary_classification_accuracy": float((said == true).mean()),
        f"binary_f_{beta:.3f}": _f(precision, recall, beta),
        "precision": precision,
        "recall": recall,
    }


def multiclass(score: Array, labels: Array, top: int, beta: float) -> Metrics:
    """Return the metrics of a classifier of many classes."""
    true, said = labels.astype(np.int64), score.argmax(axis=1)
    classes = score.shape[1]
    mine = score[np.arange(len(true)), true]
    place = (score > mine[:, None]).sum(axis=1)
    confusion = np.bincount(true * classes + said, minlength=classes * classes).reshape(classes, classes)
    hits, there = np.diag(confusion), confusion.sum(axis=1)
    precision = np.divide(hits, np.maximum(confusion.sum(axis=0), 1))
    recall = np.divide(hits, np.maximum(there, 1))
    both = np.maximum(beta * beta * precision + recall, 1e-12)
    return {
        "multiclass_accuracy": float((said == true).mean()),
        f"multiclass_top_k_accuracy_{top}": float((place < top).mean()),
        "dcg": float((1 / np.log2(place + 2)).mean()),
        "macro_recall": float(recall.mean()),
        "macro_precision": float(precision.mean()),
        f"macro_f_{beta:.3f}": float(((1 + beta * beta) * precision * recall / both).mean()),
    }


def regression(score: Array, labels: Array) -> Metrics:
    """Return the mean squared error and the mean absolute one."""
    away = score.astype(np.float64) - labels
    return {"mse": float((away * away).mean()), "absolute_loss": float(np.abs(away).mean())}


def threshold(settings: Settings, score: Array, labels: Array, middle: float) -> tuple[float, float]:
    """Return the score from which a row is positive, and how good that is by the job's criterion."""
    criterion = settings.text("binary_classifier_model_selection_criteria")
    order = np.argsort(-score, kind="stable")
    ranked, true = score[order].astype(np.float64), labels[order] > 0.5
    hits, said = np.cumsum(true), np.arange(1, len(true) + 1)
    total = max(1, int(true.sum()))
    precision, recall = hits / said, hits / total
    if criterion == "accuracy":
        worth = (hits + (len(true) - total) - (said - hits)) / len(true)
    elif criterion in ("f_beta", "f1"):
        beta = settings.number("f_beta") if criterion == "f_beta" else 1.0
        worth = (1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-12)
    elif criterion == "precision_at_target_recall":
        worth = np.where(recall >= settings.number("target_recall"), precision, -1 + recall)
    elif criterion == "recall_at_target_precision":
        worth = np.where(precision >= settings.number("target_precision"), recall, -1 + precision)
    else:
        return middle, 0.0
    last = np.append(ranked[1:] < ranked[:-1], True)  # a threshold cannot part equal scores
    worth = np.where(last, worth, -2)
    best = np.flatnonzero(worth >= worth.max() - 1e-12)
    edges = np.append((ranked[:-1] + ranked[1:]) / 2, ranked[-1])
    chosen = best[np.argmin(np.abs(edges[best] - middle))]
    return float(edges[chosen]), float(worth[chosen])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _f(precision: float, recall: float, beta: float) -> float:
    return _ratio((1 + beta**2) * precision * recall, beta**2 * precision + recall)

"""The losses: of scores and labels, the loss of every row and its derivative by the score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.hyperparameters import Settings

Array = NDArray[np.floating]
Loss = Callable[[Array, Array], tuple[Array, Array]]

SMOOTH = 1e-3
"""Half the width, in standard deviations of the label, in which a corner is rounded: L-BFGS wants
derivatives."""


def of(settings: Settings, scale: float) -> Loss:
    """Return the chosen loss; `scale` is how many units of the label one unit of the score is."""
    name = settings.text("loss")
    if name == "quantile_loss":
        return lambda score, label: _pinball(score, label, settings.number("quantile"))
    if name == "huber_loss":
        return lambda score, label: _huber(score, label, settings.number("huber_delta") / scale)
    if name == "hinge_loss":
        return lambda score, label: _hinge(score, label, settings.number("margin"))
    width = settings.number("loss_insensitivity") / scale
    if name == "eps_insensitive_squared_loss":
        return lambda score, label: _insensitive(score, label, width, squared)
    if name == "eps_insensitive_absolute_loss":
        return lambda score, label: _insensitive(score, label, width, absolute)
    plain = {
        "logistic": logistic,
        "softmax_loss": softmax,
        "squared_loss": squared,
        "absolute_loss": absolute,
    }
    return plain[name]


def logistic(score: Array, label: Array) -> tuple[Array, Array]:
    """Cross entropy of a binary label."""
    from scipy.special import expit

    return np.logaddexp(0, score) - label * score, expit(score) - label


def softmax(score: Array, label: Array) -> tuple[Array, Array]:
    """Cross entropy of one label among many; a row of scores each."""
    at = (np.arange(len(label)), label.astype(np.int64))
    shifted = score - score.max(axis=1, keepdims=True)
    each = np.exp(shifted)
    total = each.sum(axis=1, keepdims=True)
    lost = np.log(total[:, 0]) - shifted[at]
    each /= total
    each[at] -= 1
    return lost, each


def squared(score: Array, label: Array) -> tuple[Array, Array]:
    """The squared difference, without the half: its mean is the mean squared error."""
    away = score - label
    return away * away, 2 * away


def absolute(score: Array, label: Array) -> tuple[Array, Array]:
    """The distance, rounded at zero."""
    return _pinball(score, label, 0.5, 2.0)


def _pinball(score: Array, label: Array, quantile: float, times: float = 1.0) -> tuple[Array, Array]:
    away = label - score
    slope = np.where(away > 0, quantile, quantile - 1) * times
    near = np.abs(away) < SMOOTH
    # Within the width, the slope goes evenly from one side's to the other's.
    even = times * ((quantile - 0.5) + 0.5 * away / SMOOTH)
    rounded = times * ((quantile - 0.5) * away + 0.25 * (away * away / SMOOTH + SMOOTH))
    return np.where(near, rounded, slope * away), -np.where(near, even, slope)


def _huber(score: Array, label: Array, delta: float) -> tuple[Array, Array]:
    away = score - label
    size = np.abs(away)
    inside = size <= delta
    lost = np.where(inside, 0.5 * away * away, delta * (size - 0.5 * delta))
    return lost, np.where(inside, away, delta * np.sign(away))


def _hinge(score: Array, label: Array, margin: float) -> tuple[Array, Array]:
    sign = 2 * label - 1
    short = margin - sign * score
    near, missed = np.abs(short) < SMOOTH, short > 0
    slope = np.where(near, 0.5 + 0.5 * short / SMOOTH, missed)
    lost = np.where(near, 0.25 * (short + SMOOTH) ** 2 / SMOOTH, np.maximum(short, 0))
    return lost, -sign * slope


def _insensitive(score: Array, label: Array, width: float, inner: Loss) -> tuple[Array, Array]:
    away = score - label
    beyond = np.sign(away) * np.maximum(np.abs(away) - width, 0)
    return inner(beyond, np.zeros_like(beyond))

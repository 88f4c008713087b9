"""Finds the weights of one linear model: L-BFGS over all rows, or the mini-batch optimizer that a job
names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.hyperparameters import Settings

from linear_learner.losses import Loss

Array = NDArray[np.floating]

ITERATIONS = 10
"""Of L-BFGS, that count as one epoch."""
SEED = 0


class Problem(NamedTuple):
    """Scaled rows, their labels and weights, and what is to be made small."""

    features: Any
    labels: Array
    weights: Array | None
    loss: Loss
    outputs: int


class Strength(NamedTuple):
    """How strongly weights are held back, and the first learning rate: in what parallel models differ."""

    wd: float
    l1: float
    learning_rate: float


Watch = Callable[[Array], bool]
"""Is shown the weights after every epoch (the bias in the last row) and says whether to stop."""


def fit(problem: Problem, settings: Settings, strength: Strength, watch: Watch) -> Array:
    """Return the weights, a column for each output and the bias in the last row."""
    names = ("optimizer", "learning_rate", "momentum", "beta_1", "beta_2")
    start = _start(problem, settings)
    if any(settings.given(name) for name in names):
        return _steps(problem, settings, strength, watch, start)
    return _descend(problem, settings, strength, watch, start)


def scores(features: Any, weights: Array) -> Array:
    """Return the score of every row; a vector when there is one output."""
    plain = weights.astype(features.dtype)
    found: Array = np.asarray(features @ plain[:-1]) + plain[-1]
    return found[:, 0] if found.shape[1] == 1 else found


def _start(problem: Problem, settings: Settings) -> Array:
    dice = np.random.default_rng(SEED)
    shape = (problem.features.shape[1] + 1, problem.outputs)
    if settings.text("init_method") == "uniform":
        edge = settings.number("init_scale")
        start = dice.uniform(-edge, edge, shape)
    else:
        start = dice.normal(0, settings.number("init_sigma"), shape)
    start[-1] = settings.number("init_bias") if settings.flag("use_bias") else 0
    return start


def _slope(problem: Problem, settings: Settings, weights: Array, rows: slice) -> tuple[float, Array]:
    """Return the mean loss of some rows and its derivative by the weights."""
    features, labels = problem.features[rows], problem.labels[rows]
    lost, slope = problem.loss(scores(features, weights), labels)
    if problem.weights is not None:
        lost = lost * problem.weights[rows]
        slope = slope * (problem.weights[rows] if slope.ndim == 1 else problem.weights[rows, None])
    slope = slope.reshape(len(labels), -1)
    gradient = np.empty_like(weights)
    gradient[:-1] = features.T @ slope.astype(features.dtype)
    gradient[-1] = slope.sum(axis=0) if settings.flag("use_bias") else 0
    return float(lost.mean(dtype=np.float64)), gradient / len(labels)


def _decay(weights: Array, settings: Settings, wd: float) -> Array:
    held = wd * weights
    held[-1] *= settings.number("bias_wd_mult", 0.0)
    return held


def _descend(problem: Problem, settings: Settings, strength: Strength, watch: Watch, start: Array) -> Array:
    from scipy.optimize import minimize

    shape, count, sparse = start.shape, 0, strength.l1 > 0

    def joined(flat: Array) -> Array:
        """With l1 a weight is the difference of two that are not negative, so that zero can be reached."""
        if not sparse:
            return flat.reshape(shape)
        pair = flat.reshape(2, *shape)
        weights: Array = pair[0] - pair[1]
        return weights

    def value(flat: Array) -> tuple[float, Array]:
        weights = joined(flat)
        lost, gradient = _slope(problem, settings, weights, slice(None))
        held = _decay(weights, settings, strength.wd)
        lost += 0.5 * float((held * weights).sum())
        gradient += held
        if not sparse:
            return lost, gradient.ravel()
        penalty = np.full(shape, strength.l1)
        penalty[-1] = 0
        total = np.stack([gradient + penalty, penalty - gradient])
        return lost + float((penalty * flat.reshape(2, *shape).sum(axis=0)).sum()), total.ravel()

    def after(flat: Array) -> None:
        nonlocal count
        count += 1
        if count % ITERATIONS == 0 and watch(joined(flat)):
            raise StopIteration

    begun = np.stack([np.maximum(start, 0), np.maximum(-start, 0)]) if sparse else start
    limits = {"maxiter": settings.integer("epochs") * ITERATIONS, "gtol": 1e-4, "ftol": 64 * 2.2e-16}
    bounds = [(0, None)] * begun.size if sparse else None
    found = minimize(
        value, begun.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, callback=after, options=limits
    )
    weights = joined(found.x)
    if count % ITERATIONS or not count:
        watch(weights)
    return weights


def _steps(problem: Problem, settings: Settings, strength: Strength, watch: Watch, start: Array) -> Array:
    step = _rule(settings, start)
    weights, rows = start.copy(), len(problem.labels)
    size = min(settings.integer("mini_batch_size"), rows)
    rate, taken = strength.learning_rate, 0
    scheduled = settings.flag("use_lr_scheduler")
    every = settings.integer("lr_scheduler_step", 100)
    lowest = settings.number("lr_scheduler_minimum_lr", 1e-5)
    rates = np.ones((len(weights), 1))
    rates[-1] = settings.number("bias_lr_mult", 10.0)
    for _ in range(settings.integer("epochs")):
        for begin in range(0, rows - size + 1, size):
            _, gradient = _slope(problem, settings, weights, slice(begin, begin + size))
            weights -= rate * rates * step(gradient + _decay(weights, settings, strength.wd))
            if strength.l1:
                body = weights[:-1]
                body[:] = np.sign(body) * np.maximum(np.abs(body) - rate * strength.l1, 0)
            taken += 1
            if scheduled and taken % every == 0:
                rate = max(lowest, rate * settings.number("lr_scheduler_factor", 0.99))
        if watch(weights):
            break
    return weights


def _rule(settings: Settings, like: Array) -> Callable[[Array], Array]:
    """Return what an optimizer makes of a gradient, before it is scaled by the learning rate."""
    name = settings.text("optimizer", "adam")
    first, second, taken = np.zeros_like(like), np.zeros_like(like), 0
    decay_1 = settings.number("beta_1", 0.9)
    decay_2 = settings.number("beta_2", 0.999)
    momentum = settings.number("momentum", 0.9 if name == "sgd" else 0.0)

    def sgd(gradient: Array) -> Array:
        first[:] = momentum * first + gradient
        return first

    def rmsprop(gradient: Array) -> Array:
        second[:] = 0.9 * second + 0.1 * gradient * gradient
        first[:] = momentum * first + gradient / np.sqrt(second + 1e-8)
        return first

    def adam(gradient: Array) -> Array:
        nonlocal taken
        taken += 1
        first[:] = decay_1 * first + (1 - decay_1) * gradient
        second[:] = decay_2 * second + (1 - decay_2) * gradient * gradient
        mean, square = first / (1 - decay_1**taken), second / (1 - decay_2**taken)
        corrected: Array = mean / (np.sqrt(square) + 1e-8)
        return corrected

    return {"sgd": sgd, "rmsprop": rmsprop, "adam": adam}[name]

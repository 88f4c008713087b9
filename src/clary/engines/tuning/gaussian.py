"""A Gaussian process over the unit cube, small enough to need nothing but this language.

Matérn 5/2 with a length for each parameter; the scale of the values is profiled out, lengths and noise are
those of the highest posterior that a fixed number of looks finds. The same points give the same process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from clary.engines.tuning.space import Point

Rows = list[list[float]]

_ROOT5 = math.sqrt(5.0)
_JITTER = 1e-9
_LENGTHS = (math.log(0.05), math.log(8.0))
_NOISE = (math.log(1e-6), math.log(0.3))
_PRIOR_LENGTH, _PRIOR_SPREAD = math.log(0.7), 1.0
_PRIOR_NOISE, _NOISE_SPREAD = math.log(1e-4), 2.0
_STEPS = (1.0, 0.5, 0.25)


@dataclass(frozen=True)
class Gaussian:
    """A fitted process: what it knows, and its factorised covariance."""

    points: Sequence[Point]
    orders: Sequence[bool]
    weights: Sequence[float]
    factor: Rows
    answer: Sequence[float]
    scale: float

    def at(self, point: Point) -> tuple[float, float]:
        """Return mean and standard deviation of the process at a point."""
        row = [_matern(_squares(point, known, self.orders, self.weights)) for known in self.points]
        mean = sum(map(mul, row, self.answer))
        solved = forward(self.factor, row)
        return mean, math.sqrt(max(self.scale * (1.0 - sum(map(mul, solved, solved))), 1e-18))


def fit(
    points: Sequence[Point], values: Sequence[float], orders: Sequence[bool], looks: int = 60
) -> tuple[Gaussian, list[float]]:
    """Return the process that explains values of mean 0 best, and the logarithms of its lengths and noise."""
    apart = _apart(points, orders)
    spots = [_PRIOR_LENGTH] * len(orders) + [_PRIOR_NOISE]
    best = _badness(apart, values, spots)
    left = looks
    for step in _STEPS:
        moved = True
        while moved and left > 0:
            moved = False
            for axis in range(len(spots)):
                for move in (step, -step):
                    if left <= 0:
                        break
                    tried = [*spots]
                    low, high = _NOISE if axis == len(orders) else _LENGTHS
                    tried[axis] = min(max(tried[axis] + move, low), high)
                    if tried == spots:
                        continue
                    left -= 1
                    badness = _badness(apart, values, tried)
                    if badness < best - 1e-6:
                        best, spots, moved = badness, tried, True
                        break
    return conditioned(points, values, orders, spots), spots


def conditioned(
    points: Sequence[Point], values: Sequence[float], orders: Sequence[bool], spots: Sequence[float]
) -> Gaussian:
    """Return the process with given logarithms of its lengths and noise."""
    weights = [math.exp(-2.0 * spot) for spot in spots[:-1]]
    factor = cholesky(_covariance(_apart(points, orders), weights, math.exp(spots[-1])))
    solved = forward(factor, values)
    scale = max(sum(map(mul, solved, solved)) / len(values), 1e-12)
    return Gaussian(points, orders, weights, factor, backward(factor, solved), scale)


def cholesky(rows: Rows) -> Rows:
    """Return the lower factor of a positive definite matrix, of which the lower half is given."""
    factor: Rows = []
    for index, row in enumerate(rows):
        made: list[float] = []
        for column in range(index):
            other = factor[column]
            made.append((row[column] - sum(map(mul, made, other))) / other[column])
        made.append(math.sqrt(max(row[index] - sum(map(mul, made, made)), _JITTER)))
        factor.append(made)
    return factor


def forward(factor: Rows, values: Sequence[float]) -> list[float]:
    """Solve with the lower factor."""
    solved: list[float] = []
    for row, value in zip(factor, values, strict=True):
        solved.append((value - sum(map(mul, solved, row))) / row[-1])
    return solved


def backward(factor: Rows, values: Sequence[float]) -> list[float]:
    """Solve with the transposed lower factor."""
    left, solved = [*values], [0.0] * len(values)
    for index in range(len(values) - 1, -1, -1):
        row = factor[index]
        solved[index] = value = left[index] / row[-1]
        for column in range(index):
            left[column] -= value * row[column]
    return solved


def _apart(points: Sequence[Point], orders: Sequence[bool]) -> list[list[tuple[float, ...]]]:
    """Return the squared differences of every two points, parameter by parameter: the lower half."""
    return [
        [
            tuple(
                (a - b) ** 2 if order else float(a != b)
                for a, b, order in zip(point, other, orders, strict=True)
            )
            for other in points[:index]
        ]
        for index, point in enumerate(points)
    ]


def _squares(point: Point, known: Point, orders: Sequence[bool], weights: Sequence[float]) -> float:
    total = 0.0
    for a, b, order, weight in zip(point, known, orders, weights, strict=True):
        if order:
            total += weight * (a - b) * (a - b)
        elif a != b:
            total += weight
    return total


def _matern(square: float) -> float:
    reach = _ROOT5 * math.sqrt(square)
    return (1.0 + reach + reach * reach / 3.0) * math.exp(-reach)


def _covariance(apart: list[list[tuple[float, ...]]], weights: Sequence[float], noise: float) -> Rows:
    return [
        [*(_matern(sum(map(mul, weights, pair))) for pair in row), 1.0 + noise + _JITTER] for row in apart
    ]


def _badness(apart: list[list[tuple[float, ...]]], values: Sequence[float], spots: Sequence[float]) -> float:
    """Return the negative logarithm of the posterior, less what does not depend on lengths and noise."""
    weights = [math.exp(-2.0 * spot) for spot in spots[:-1]]
    factor = cholesky(_covariance(apart, weights, math.exp(spots[-1])))
    solved = forward(factor, values)
    scale = max(sum(map(mul, solved, solved)) / len(values), 1e-12)
    badness = 0.5 * len(values) * math.log(scale) + sum(math.log(row[-1]) for row in factor)
    badness += sum(((spot - _PRIOR_LENGTH) / _PRIOR_SPREAD) ** 2 for spot in spots[:-1]) / 2.0
    return badness + ((spots[-1] - _PRIOR_NOISE) / _NOISE_SPREAD) ** 2 / 2.0

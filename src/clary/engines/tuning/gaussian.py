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

_ROOT5, _HALF = math.sqrt(5.0), math.sqrt(0.5)
_JITTER = 1e-9
_LENGTHS = (math.log(0.05), math.log(8.0))
_NOISE = (math.log(1e-6), math.log(0.3))
_PRIOR_LENGTH, _PRIOR_SPREAD = math.log(0.7), 1.0
_PRIOR_NOISE, _NOISE_SPREAD = math.log(1e-4), 2.0
_STEPS = (1.0, 0.5, 0.25)


@dataclass(frozen=True)
class Gaussian:
    """A fitted process: what it knows, stretched by its lengths, and its factorised covariance."""

    sizes: Sequence[int]
    weights: Sequence[float]
    known: Sequence[Sequence[float]]
    factor: Rows
    answer: Sequence[float]
    scale: float

    def at(self, point: Point) -> tuple[float, float]:
        """Return mean and standard deviation of the process at a point."""
        row = _likeness(_stretched(point, self.sizes, self.weights), self.known)
        mean = sum(map(mul, row, self.answer))
        solved = forward(self.factor, row)
        return mean, math.sqrt(max(self.scale * (1.0 - sum(map(mul, solved, solved))), 1e-18))


def fit(
    points: Sequence[Point], values: Sequence[float], sizes: Sequence[int], looks: int = 60
) -> tuple[Gaussian, list[float]]:
    """Return the process that explains values of mean 0 best, and the logarithms of its lengths and noise.

    `sizes` says how many values a list has, 0 for a number.
    """
    spots = [_PRIOR_LENGTH] * len(sizes) + [_PRIOR_NOISE]
    best = _badness(points, values, sizes, spots)
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
                    low, high = _NOISE if axis == len(sizes) else _LENGTHS
                    tried[axis] = min(max(tried[axis] + move, low), high)
                    if tried == spots:
                        continue
                    left -= 1
                    badness = _badness(points, values, sizes, tried)
                    if badness < best - 1e-6:
                        best, spots, moved = badness, tried, True
                        break
    return conditioned(points, values, sizes, spots), spots


def conditioned(
    points: Sequence[Point], values: Sequence[float], sizes: Sequence[int], spots: Sequence[float]
) -> Gaussian:
    """Return the process with given logarithms of its lengths and noise."""
    weights = [math.exp(-spot) for spot in spots[:-1]]
    known = [_stretched(point, sizes, weights) for point in points]
    factor = cholesky(_covariance(known, math.exp(spots[-1])))
    solved = forward(factor, values)
    scale = max(sum(map(mul, solved, solved)) / len(values), 1e-12)
    return Gaussian(sizes, weights, known, factor, backward(factor, solved), scale)


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


def _stretched(point: Point, sizes: Sequence[int], weights: Sequence[float]) -> list[float]:
    """Return a point in units of the lengths; a list's values are corners, each as far from every other."""
    found: list[float] = []
    for at, size, weight in zip(point, sizes, weights, strict=True):
        if size:
            corner = [0.0] * size
            corner[min(int(at * size), size - 1)] = weight * _HALF
            found += corner
        else:
            found.append(at * weight)
    return found


def _likeness(point: Sequence[float], known: Sequence[Sequence[float]]) -> list[float]:
    """Return the covariance of a point with each known one."""
    found = []
    for other in known:
        reach = _ROOT5 * math.dist(point, other)
        found.append((1.0 + reach + reach * reach / 3.0) * math.exp(-reach))
    return found


def _covariance(known: Sequence[Sequence[float]], noise: float) -> Rows:
    return [[*_likeness(point, known[:index]), 1.0 + noise + _JITTER] for index, point in enumerate(known)]


def _badness(
    points: Sequence[Point], values: Sequence[float], sizes: Sequence[int], spots: Sequence[float]
) -> float:
    """Return the negative logarithm of the posterior, less what does not depend on lengths and noise."""
    weights = [math.exp(-spot) for spot in spots[:-1]]
    factor = cholesky(_covariance([_stretched(each, sizes, weights) for each in points], math.exp(spots[-1])))
    solved = forward(factor, values)
    scale = max(sum(map(mul, solved, solved)) / len(values), 1e-12)
    badness = 0.5 * len(values) * math.log(scale) + sum(math.log(row[-1]) for row in factor)
    badness += sum(((spot - _PRIOR_LENGTH) / _PRIOR_SPREAD) ** 2 for spot in spots[:-1]) / 2.0
    return badness + ((spots[-1] - _PRIOR_NOISE) / _NOISE_SPREAD) ** 2 / 2.0

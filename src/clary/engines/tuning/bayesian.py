"""Bayesian search: a Gaussian process of the objective, and the point from which most is to be expected."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from clary.engines.tuning import random_search
from clary.engines.tuning.gaussian import Gaussian, conditioned, fit
from clary.engines.tuning.space import Categorical, Point, Space, Tuned

MOST_KNOWN = 80  # A process of more points than this costs too long a moment.
_SCATTERED = 250
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Known:
    """What one trial told: where it was, and its objective as a cost; None while it runs."""

    point: Point
    cost: float | None


def draw(
    space: Space, seed: str, number: int, known: Sequence[Known], taken: Collection[Tuned]
) -> Tuned | None:
    """Return the hyperparameters that promise most, none of `taken`; None when every combination is."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311 - a search, no secret
    ended = [each for each in known if each.cost is not None]
    if len(ended) < _first(space) or len(known) < _first(space):
        return _spread(space, seed, number, taken)
    process, best = _learned(space, known)
    point = _most_promising(space, process, best, [each.point for each in known], dice, taken)
    return random_search.draw(space, seed, number, taken) if point is None else space.tuned(point)


def _first(space: Space) -> int:
    """Return how many trials are spread evenly before anything is learned from them."""
    return min(3 + len(space.parameters), 10)


def _spread(space: Space, seed: str, number: int, taken: Collection[Tuned]) -> Tuned | None:
    """Return a point of a sequence that leaves no part of the space out, shifted by the seed."""
    shift = random.Random(f"{seed}/shift")  # noqa: S311
    point = tuple(
        (_radical(number + 1, prime) + shift.random()) % 1.0 for prime in _PRIMES[: len(space.parameters)]
    )
    tuned = space.tuned(point)
    return random_search.draw(space, seed, number, taken) if tuned in taken else tuned


def _radical(number: int, base: int) -> float:
    """Return the digits of a number behind the point, in the other direction."""
    found, place = 0.0, 1.0 / base
    while number:
        number, digit = divmod(number, base)
        found += digit * place
        place /= base
    return found


def _learned(space: Space, known: Sequence[Known]) -> tuple[Gaussian, float]:
    """Fit what has ended, and believe of what runs that it will end as expected."""
    ended = [each for each in known if each.cost is not None]
    if len(ended) > MOST_KNOWN:  # the best and the newest tell most
        best = sorted(ended, key=lambda each: each.cost or 0.0)[: MOST_KNOWN // 2]
        ended = best + [each for each in ended[-(MOST_KNOWN // 2) :] if each not in best]
    sizes = [len(each.values) if isinstance(each, Categorical) else 0 for each in space.parameters]
    points = [each.point for each in ended]
    values = _levelled([each.cost for each in ended if each.cost is not None])
    looks = max(8, 44 - len(points) // 2)
    process, spots = fit(points, values, sizes, looks)
    running = [each.point for each in known if each.cost is None]
    if running:
        believed = [process.at(point)[0] for point in running]
        process = conditioned([*points, *running], [*values, *believed], sizes, spots)
    return process, min(values)


def _levelled(costs: Sequence[float]) -> list[float]:
    """Return costs with mean 0 and spread 1; far outliers to the bad side are drawn in."""
    ordered = sorted(costs)
    middle, low = ordered[len(ordered) // 2], ordered[len(ordered) // 4]
    unit = max(middle - low, (ordered[-1] - ordered[0]) * 1e-3, 1e-12)
    drawn = [cost if cost <= middle else middle + unit * math.log1p((cost - middle) / unit) for cost in costs]
    mean = sum(drawn) / len(drawn)
    spread = math.sqrt(sum((cost - mean) ** 2 for cost in drawn) / len(drawn)) or 1.0
    return [(cost - mean) / spread for cost in drawn]


def _most_promising(
    space: Space,
    process: Gaussian,
    best: float,
    points: Sequence[Point],
    dice: random.Random,
    taken: Collection[Tuned],
) -> Point | None:
    """Return the point of the highest expected improvement that scattering and climbing find."""
    good = sorted(points, key=lambda point: process.at(point)[0])[:3]
    scattered = [random_search.anywhere(space, dice) for _ in range(_SCATTERED)]
    scattered += [_near(space, point, 0.1, dice) for point in good for _ in range(15)]
    scattered += [_near(space, point, 0.01, dice) for point in good for _ in range(10)]
    rated = sorted(
        ((_promise(process, point, best), point) for point in map(space.snapped, scattered)), reverse=True
    )
    climbed: list[tuple[float, Point]] = []
    for promise, point in rated[:4]:
        reach = 0.1
        for _ in range(24):
            tried = space.snapped(_near(space, point, reach, dice))
            hoped = _promise(process, tried, best)
            if hoped > promise:
                promise, point = hoped, tried
            else:
                reach *= 0.85
        climbed.append((promise, point))
    ordered = sorted(climbed, reverse=True) + rated
    return next((point for _, point in ordered if space.tuned(point) not in taken), None)


def _near(space: Space, point: Point, reach: float, dice: random.Random) -> Point:
    """Return a neighbour: some parameters moved a little, a list's value exchanged now and then."""
    moved = list(point)
    chance = max(0.3, 1.0 / len(moved))
    axes = [axis for axis in range(len(moved)) if dice.random() < chance] or [dice.randrange(len(moved))]
    for axis in axes:
        if isinstance(space.parameters[axis], Categorical):
            moved[axis] = dice.random()
        else:
            moved[axis] = min(max(moved[axis] + dice.gauss(0.0, reach), 0.0), 1.0)
    return tuple(moved)


def _promise(process: Gaussian, point: Point, best: float) -> float:
    """Return the logarithm of the improvement to expect at a point."""
    mean, spread = process.at(point)
    z = (best - mean) / spread
    if z > -5.0:
        return math.log(max(spread * (z * _NORMAL.cdf(z) + _NORMAL.pdf(z)), 1e-300))
    return math.log(spread) - z * z / 2.0 - math.log(2.506628) - 2.0 * math.log(-z)


_PRIMES = (
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113,
)  # fmt: skip

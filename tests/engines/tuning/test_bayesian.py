"""Bayesian search: repeatable, inside its space, and better than chance on a known function."""

from __future__ import annotations

from statistics import median

import pytest

from clary.engines.tuning import random_search
from clary.engines.tuning.bayesian import Known, draw
from clary.engines.tuning.gaussian import cholesky, fit
from clary.engines.tuning.space import Categorical, Numeric, Space, Tuned

SPACE = Space(
    (
        Numeric(name="x", low=-5, high=5),
        Numeric(name="y", low=1e-3, high=1e3, scale="Logarithmic"),
        Categorical(name="z", values=("a", "b", "c")),
    )
)


def cost(tuned: Tuned) -> float:
    x, y = float(tuned["x"]), float(tuned["y"])
    return (x - 1) ** 2 + (0.0 if 1 < y < 10 else 1.0) + {"a": 2.0, "b": 0.0, "c": 3.0}[tuned["z"]]


def search(seed: int, trials: int) -> list[Known]:
    known: list[Known] = []
    taken: list[Tuned] = []
    for number in range(trials):
        tuned = draw(SPACE, str(seed), number, known, taken)
        assert tuned is not None
        point = SPACE.point(tuned)
        assert point is not None
        taken.append(tuned)
        known.append(Known(point, cost(tuned)))
    return known


def test_the_same_seed_and_results_give_the_same_search() -> None:
    assert search(1, 9) == search(1, 9)
    assert search(1, 9) != search(2, 9)


def test_twenty_trials_find_what_chance_does_not() -> None:
    found = [min(each.cost or 0.0 for each in search(seed, 20)) for seed in range(3)]
    chance = [
        min(cost(tuned) for number in range(20) if (tuned := random_search.draw(SPACE, str(seed), number)))
        for seed in range(30)
    ]
    assert median(found) < median(chance)


def test_trials_that_run_are_not_proposed_again() -> None:
    known = search(1, 10)
    taken: list[Tuned] = []
    for number in range(10, 14):
        tuned = draw(SPACE, "1", number, known, taken)
        assert tuned is not None
        assert tuned not in taken
        taken.append(tuned)
        point = SPACE.point(tuned)
        assert point is not None
        known.append(Known(point, None))


def test_a_small_space_is_exhausted_and_then_over() -> None:
    space = Space((Categorical(name="z", values=("a", "b", "c", "d", "e", "f")),))
    known: list[Known] = []
    taken: list[Tuned] = []
    while tuned := draw(space, "1", len(taken), known, taken):
        point = space.point(tuned)
        assert point is not None
        taken.append(tuned)
        known.append(Known(point, float(len(taken))))
    assert sorted(each["z"] for each in taken) == list("abcdef")


def test_equal_costs_are_no_trouble() -> None:
    points = [(each / 9, each / 18) for each in range(10)]
    known = [Known(point, 1.0) for point in points]
    space = Space(SPACE.parameters[:2])
    assert draw(space, "1", 10, known, []) is not None


def test_a_process_knows_its_points_and_doubts_the_rest() -> None:
    points, values = [(0.1,), (0.4,), (0.9,)], [1.0, -1.5, 0.5]
    process, _ = fit(points, values, [0])
    for point, value in zip(points, values, strict=True):
        mean, spread = process.at(point)
        assert mean == pytest.approx(value, abs=0.2)
        assert spread < process.at((0.65,))[1]


def test_the_factor_of_a_matrix_multiplies_to_it() -> None:
    assert cholesky([[4.0], [2.0, 5.0]]) == [[2.0], [1.0, 2.0]]

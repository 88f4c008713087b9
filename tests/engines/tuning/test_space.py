"""Search spaces: scales, shares, and the way back from values to points."""

from __future__ import annotations

import random

import pytest

from clary.engines.tuning.random_search import draw
from clary.engines.tuning.space import Categorical, Numeric, Space, combination


@pytest.mark.parametrize(
    ("parameter", "middle"),
    [
        (Numeric(name="x", low=0, high=10, scale="Linear"), 5.0),
        (Numeric(name="x", low=1e-4, high=1, scale="Logarithmic"), 1e-2),
        (Numeric(name="x", low=0, high=0.99, scale="ReverseLogarithmic"), 0.9),
        (Numeric(name="x", low=1e-6, high=1), 1e-3),
        (Numeric(name="x", low=1, high=10), 5.5),
        (Numeric(name="x", low=1, high=101, integer=True), 51),
        (Numeric(name="x", low=1, high=10_000, integer=True), 100),
    ],
)
def test_the_middle_of_a_range_is_where_its_scale_puts_it(parameter: Numeric, middle: float) -> None:
    assert float(parameter.value(0.5)) == pytest.approx(middle)
    assert parameter.position(parameter.value(0.5)) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("scale", ["Linear", "Logarithmic"])
def test_values_stay_in_their_range(scale: str) -> None:
    dice = random.Random(0)  # noqa: S311
    each = Numeric(
        name="x", low=3, high=7, integer=True, scale="Linear" if scale == "Linear" else "Logarithmic"
    )
    drawn = {int(each.value(dice.random())) for _ in range(500)}
    assert drawn == {3, 4, 5, 6, 7}
    assert (each.value(0.0), each.value(1.0)) == ("3", "7")


def test_every_integer_has_an_equal_share() -> None:
    each = Numeric(name="x", low=1, high=3, integer=True, scale="Linear")
    drawn = [each.value((place + 0.5) / 3000) for place in range(3000)]
    assert [drawn.count(value) for value in ("1", "2", "3")] == pytest.approx([1000] * 3, abs=2)


def test_what_is_outside_has_no_point() -> None:
    space = Space((Numeric(name="x", low=0, high=1), Categorical(name="y", values=("a", "b"))))
    assert space.point({"x": "0.5", "y": "b"}) == (0.5, 0.75)
    assert space.point({"x": "2", "y": "b"}) is None
    assert space.point({"x": "0.5", "y": "c"}) is None
    assert space.point({"x": "0.5"}) is None


def test_a_grid_counts_through_every_combination() -> None:
    space = Space((Categorical(name="x", values=("a", "b")), Categorical(name="y", values=("c", "d", "e"))))
    found = [combination(space, number) for number in range(6)]
    assert len({tuple(each.items()) for each in found if each}) == 6
    assert found[0] == {"x": "a", "y": "c"}
    assert combination(space, 6) is None


def test_draws_follow_from_the_seed_and_never_repeat() -> None:
    space = Space((Numeric(name="x", low=1, high=4, integer=True), Categorical(name="y", values=("a", "b"))))

    def drawn(seed: str) -> list[dict[str, str]]:
        taken: list[dict[str, str]] = []
        while tuned := draw(space, seed, len(taken), taken):
            taken.append(tuned)
        return taken

    assert drawn("1") == drawn("1")
    assert drawn("1") != drawn("2")
    assert len({tuple(each.items()) for each in drawn("1")}) == len(drawn("1")) == 8

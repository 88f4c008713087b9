"""Random search: draws that follow from the seed and the trial's number alone."""

from __future__ import annotations

import random
from collections.abc import Collection

from clary.engines.tuning.space import Point, Space, Tuned, combination

_TRIES = 200


def draw(space: Space, seed: str, number: int, taken: Collection[Tuned] = ()) -> Tuned | None:
    """Return the hyperparameters of a trial, none of `taken`; None when every combination is taken."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311 - a search, no secret
    for _ in range(_TRIES):
        tuned = space.tuned(anywhere(space, dice))
        if tuned not in taken:
            return tuned
    if space.count() > 1_000_000:
        return tuned
    free = (combination(space, index) for index in range(int(space.count())))
    left = [each for each in free if each is not None and each not in taken]
    return dice.choice(left) if left else None


def anywhere(space: Space, dice: random.Random) -> Point:
    """Return a point of the unit cube, every one as likely."""
    return tuple(dice.random() for _ in space.parameters)

"""What a trial's objective was on its way: kept at marks that grow apart, so that a long training fits.

A mark is [epoch, objective, mean of the objective up to there]; an epoch is one value in the log.
"""

from __future__ import annotations

from collections.abc import Sequence

Mark = list[float]
FACTOR = 1.1
LAST = 20_000


def _epochs() -> tuple[int, ...]:
    found = [1]
    while found[-1] < LAST:
        found.append(max(found[-1] + 1, int(found[-1] * FACTOR)))
    return tuple(found)


EPOCHS = _epochs()


def marks(values: Sequence[float], more: Sequence[int] = ()) -> list[Mark]:
    """Return the marks that a series has passed; `more` are epochs that are marked besides."""
    wanted = {*EPOCHS, *more}
    total, found = 0.0, []
    for epoch, value in enumerate(values, 1):
        total += value
        if epoch in wanted:
            found.append([float(epoch), value, total / epoch])
    return found


def at(passed: Sequence[Mark], epoch: float) -> Mark | None:
    """Return the mark of one epoch, None where the series did not come as far."""
    return next((mark for mark in passed if mark[0] == epoch), None)

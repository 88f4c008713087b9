"""Which points fall into one period: by bisection, so that a million of them cost a look at each period."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence


def buckets(keys: Sequence[int], period: int, origin: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield (start, first, last) of each period that has points, the last one left out; keys are in order.

    A period starts at `origin` plus a multiple of itself.
    """
    first, end = 0, len(keys)
    while first < end:
        start = (keys[first] - origin) // period * period + origin
        last = bisect_left(keys, start + period, first, end)
        yield start, first, last
        first = last

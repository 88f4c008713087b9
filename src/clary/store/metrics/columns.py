"""Points as columns: what lies in a chunk, packed, and how columns are joined, ordered and cut.

A layout is a string of `array` type codes, one a column. The first column is the time in milliseconds since
1970 UTC, and points are ordered by it.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import le
from typing import Any, TypeAlias

SAGEMAKER = "qid"
"""Time, step (-1 for none), value."""

CLOUDWATCH = ("qd", "qdd", "qdddd")
"""Time and value; time, value and how often; time, sum, how many, lowest and highest."""

_VALUE = {SAGEMAKER: 2}
_SIZES = {code: array(code).itemsize for code in "qid"}

Column: TypeAlias = "array[Any]"  # of the type its layout says


@dataclass(frozen=True)
class Columns:
    """Points of one layout, ordered by time unless just collected."""

    layout: str
    arrays: tuple[Column, ...]

    @classmethod
    def empty(cls, layout: str) -> Columns:
        """Return columns without a point, to be appended to."""
        return cls(layout, tuple(array(code) for code in layout))

    @property
    def times(self) -> Column:
        """The first column."""
        return self.arrays[0]

    @property
    def values(self) -> Column:
        """The column that statistics of the whole series are kept of."""
        return self.arrays[_VALUE.get(self.layout, 1)]

    def __len__(self) -> int:
        return len(self.arrays[0])

    def append(self, *point: float) -> None:
        """Add one point, its members in the layout's order."""
        for column, member in zip(self.arrays, point, strict=True):
            column.append(member)

    def extend(self, other: Columns) -> None:
        """Add the points of other columns of this layout."""
        for column, more in zip(self.arrays, other.arrays, strict=True):
            column.extend(more)

    def ordered(self, by: int = 0) -> Columns:
        """Return the points ordered by one column; those that are alike in it stay in their order."""
        keys = self.arrays[by]
        if all(map(le, keys, islice(keys, 1, None))):
            return self
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return Columns(
            self.layout,
            tuple(array(c.typecode, map(c.__getitem__, order)) for c in self.arrays),
        )

    def cut(self, first: int, last: int) -> Columns:
        """Return the points from one place to another."""
        return Columns(self.layout, tuple(column[first:last] for column in self.arrays))

    def between(self, start: int | None, end: int | None, by: int = 0) -> Columns:
        """Return the points from `start` to before `end`, in milliseconds; they must be in order."""
        keys = self.arrays[by]
        first = 0 if start is None else bisect_left(keys, start)
        last = len(keys) if end is None else bisect_left(keys, end)
        return self if (first, last) == (0, len(keys)) else self.cut(first, last)

    def pieces(self, points: int) -> Iterator[Columns]:
        """Cut into pieces of at most so many points."""
        if len(self) <= points:
            yield self
            return
        for first in range(0, len(self), points):
            yield self.cut(first, first + points)

    def pack(self) -> bytes:
        """Return the columns one after the other, little-endian."""
        return b"".join(_little(column).tobytes() for column in self.arrays)


def unpack(layout: str, points: int, data: bytes) -> Columns:
    """Read what `pack` wrote."""
    arrays, at = [], 0
    for code in layout:
        size = points * _SIZES[code]
        column = array(code)
        column.frombytes(data[at : at + size])
        arrays.append(_little(column))
        at += size
    return Columns(layout, tuple(arrays))


def join(parts: Sequence[Columns]) -> Columns:
    """Return the points of columns of one layout, of which there is at least one, in the order given."""
    if len(parts) == 1:
        return parts[0]
    joined = Columns.empty(parts[0].layout)
    for part in parts:
        joined.extend(part)
    return joined


def _little(column: Column) -> Column:
    if sys.byteorder == "little":
        return column
    swapped = column[:]
    swapped.byteswap()
    return swapped

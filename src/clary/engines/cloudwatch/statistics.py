"""CloudWatch's statistics: how they are spelled, and what they are of the samples of one period.

How a percentile falls between two samples is not documented: evidence/cloudwatch-metrics.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import mul

SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_SHORT = re.compile(r"(p|tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)")
_RANGE = re.compile(r"(TM|WM|TC|TS|PR)\((-?[\d.]*)(%?):(-?[\d.]*)(%?)\)")


@dataclass
class Samples:
    """What was measured in one period. Of `opaque` ones some came as sums only, which `values` leaves out."""

    count: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    opaque: bool = False
    parts: list[tuple[Sequence[float], Sequence[float] | None]] = field(default_factory=list)

    @property
    def values(self) -> list[tuple[float, float]]:
        """Every value with how often it was measured."""
        return [
            pair for part, counts in self.parts for pair in zip(part, counts or repeat(1.0), strict=False)
        ]

    def add_values(self, values: Sequence[float], counts: Sequence[float] | None = None) -> None:
        """Add single values, each as often as `counts` says."""
        if counts is None:
            self.count += len(values)
            self.total += math.fsum(values)
        else:
            self.count += math.fsum(counts)
            self.total += math.fsum(map(mul, values, counts))
        self.parts.append((values, counts))
        self.low, self.high = min(self.low, min(values)), max(self.high, max(values))

    def add_sets(
        self,
        totals: Sequence[float],
        counts: Sequence[float],
        lows: Sequence[float],
        highs: Sequence[float],
    ) -> None:
        """Add statistic sets."""
        self.count += math.fsum(counts)
        self.total += math.fsum(totals)
        self.low, self.high = min(self.low, min(lows)), max(self.high, max(highs))
        self.opaque = True


Statistic = Callable[[Samples], float | None]


def parse(text: str) -> Statistic | None:
    """Return what computes a statistic; None for a text that names none."""
    if text in _SIMPLE:
        return _SIMPLE[text]
    if text == "IQM":
        return _ranged("TM", 0.25, 0.75)
    if match := _SHORT.fullmatch(text):
        kind, share = match[1], float(match[2]) / 100
        return _percentile(share) if kind == "p" else _ranged(kind.upper(), 0.0, share)
    if match := _RANGE.fullmatch(text):
        return _parse_range(*match.groups())
    return None


def percentile(values: Iterable[tuple[float, float]], share: float) -> float | None:
    """Return the value below which a share of weighted values lies, between two of them in proportion."""
    ordered = sorted(pair for pair in values if pair[1] > 0)
    if not ordered:
        return None
    total = math.fsum(weight for _, weight in ordered)
    place = share * (total - 1)
    low = _at(ordered, math.floor(place))
    high = _at(ordered, math.ceil(place))
    return low + (high - low) * (place - math.floor(place))


def _at(ordered: Sequence[tuple[float, float]], place: float) -> float:
    passed = 0.0
    for value, weight in ordered:
        passed += weight
        if place < passed:
            return value
    return ordered[-1][0]


def _percentile(share: float) -> Statistic:
    def tell(samples: Samples) -> float | None:
        return None if samples.opaque else percentile(samples.values, share)

    return tell


def _parse_range(kind: str, low: str, low_unit: str, high: str, high_unit: str) -> Statistic | None:
    try:
        first = float(low) if low else None
        last = float(high) if high else None
    except ValueError:
        return None
    if first is None and last is None:
        return None
    if kind == "PR":
        return None if low_unit or high_unit else _rank(first, last)
    if bool(low_unit) != bool(high_unit) and low and high:
        return None
    if not (low_unit or high_unit):
        return None if kind == "WM" else _bounded(kind, first, last)
    if not 0 <= (first or 0) <= 100 or not 0 <= (100 if last is None else last) <= 100:
        return None
    return _ranged(kind, (first or 0) / 100, (100 if last is None else last) / 100)


def _ranged(kind: str, low: float, high: float) -> Statistic:
    """Compute of what lies between two shares of the samples."""

    def tell(samples: Samples) -> float | None:
        if samples.opaque or not samples.count:
            return None
        ordered = sorted(samples.values)
        total = math.fsum(weight for _, weight in ordered)
        kept: list[tuple[float, float]] = []
        passed = 0.0
        for value, weight in ordered:
            inside = min(passed + weight, high * total) - max(passed, low * total)
            passed += weight
            if inside > 0:
                kept.append((value, inside))
        if kind == "WM" and kept:
            kept += [(kept[0][0], low * total), (kept[-1][0], (1 - high) * total)]
        return _told("TM" if kind == "WM" else kind, kept)

    return tell


def _bounded(kind: str, low: float | None, high: float | None) -> Statistic:
    """Compute of what lies above `low` and not above `high`."""

    def tell(samples: Samples) -> float | None:
        return None if samples.opaque else _told(kind, _inside(samples, low, high))

    return tell


def _rank(low: float | None, high: float | None) -> Statistic:
    def tell(samples: Samples) -> float | None:
        if samples.opaque or not samples.count:
            return None
        return 100 * math.fsum(weight for _, weight in _inside(samples, low, high)) / samples.count

    return tell


def _inside(samples: Samples, low: float | None, high: float | None) -> list[tuple[float, float]]:
    return [
        (value, weight)
        for value, weight in samples.values
        if (low is None or value > low) and (high is None or value <= high)
    ]


def _told(kind: str, kept: Sequence[tuple[float, float]]) -> float | None:
    count = math.fsum(weight for _, weight in kept)
    total = math.fsum(value * weight for value, weight in kept)
    if kind == "TC":
        return count
    if kind == "TS":
        return total
    return total / count if count else None


_SIMPLE: dict[str, Statistic] = {
    "SampleCount": lambda samples: samples.count,
    "Average": lambda samples: samples.total / samples.count if samples.count else None,
    "Sum": lambda samples: samples.total,
    "Minimum": lambda samples: samples.low,
    "Maximum": lambda samples: samples.high,
}

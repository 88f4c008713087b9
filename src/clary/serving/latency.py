"""What predictions cost, kept in memory: the newest calls of every variant, and totals since the start."""

from __future__ import annotations

from array import array
from typing import TypedDict

KEPT = 1 << 14
"""Calls a variant's percentiles look back over."""


class Summary(TypedDict):
    """One variant's figures; latencies in microseconds."""

    Invocations: int
    Errors: int
    OverheadLatency: dict[str, float]
    ModelLatency: dict[str, float]


class Latencies:
    """A ring of both latencies for one variant."""

    def __init__(self) -> None:
        self.count = 0
        self.errors = 0
        self._overhead = array("d")
        self._model = array("d")

    def add(self, overhead: float, model: float, *, failed: bool) -> None:
        """Take the seconds of one call."""
        if len(self._model) < KEPT:
            self._overhead.append(overhead)
            self._model.append(model)
        else:
            place = self.count % KEPT
            self._overhead[place], self._model[place] = overhead, model
        self.count += 1
        self.errors += failed

    def summary(self) -> Summary:
        """Return totals and percentiles."""
        return {
            "Invocations": self.count,
            "Errors": self.errors,
            "OverheadLatency": _percentiles(self._overhead),
            "ModelLatency": _percentiles(self._model),
        }


def _percentiles(seconds: array[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    if not ordered:
        return {}
    last = len(ordered) - 1
    return {f"p{q}": round(ordered[last * q // 100] * 1e6, 1) for q in (50, 90, 99, 100)}

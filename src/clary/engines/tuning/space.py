"""The space a tuning job searches: parameters, their scales, and the unit cube that stands for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from clary.core.document import Document

Scale = Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"]
Point = tuple[float, ...]
"""One number from 0 to 1 a parameter; of a categorical one it names the value's place in its list."""
Tuned = dict[str, str]
"""Values by parameter, written as hyperparameters are."""

_WIDE = 1000.0  # A positive range over more than three powers of ten is searched by its logarithm.


@dataclass(frozen=True, kw_only=True)
class Numeric:
    """An integer or continuous range."""

    name: str
    low: float
    high: float
    scale: Scale = "Auto"
    integer: bool = False

    def count(self) -> float:
        """Return how many values the range has."""
        return self.high - self.low + 1 if self.integer else math.inf

    def value(self, position: float) -> str:
        """Return the value at a position from 0 to 1."""
        low, high = self._ends()
        number = self._unscaled(low + (high - low) * min(max(position, 0.0), 1.0))
        if self.integer:
            return str(int(min(max(round(number), self.low), self.high)))
        return repr(min(max(number, self.low), self.high))

    def position(self, value: str) -> float | None:
        """Return where a value stands, None for one outside the range."""
        try:
            number = float(value.strip('"'))
        except ValueError:
            return None
        if not self.low <= number <= self.high:
            return None
        low, high = self._ends()
        return (self._scaled(number) - low) / (high - low) if high > low else 0.5

    def _ends(self) -> tuple[float, float]:
        if self.integer and self._resolved() == "Linear":
            return self.low - 0.4999, self.high + 0.4999  # every integer gets an equal share
        return self._scaled(self.low), self._scaled(self.high)

    def _resolved(self) -> Scale:
        if self.scale != "Auto":
            return self.scale
        return "Logarithmic" if self.low > 0 and self.high / self.low >= _WIDE else "Linear"

    def _scaled(self, number: float) -> float:
        match self._resolved():
            case "Logarithmic":
                return math.log(number)
            case "ReverseLogarithmic":
                return -math.log1p(-number)
        return number

    def _unscaled(self, number: float) -> float:
        match self._resolved():
            case "Logarithmic":
                return math.exp(number)
            case "ReverseLogarithmic":
                return -math.expm1(-number)
        return number


@dataclass(frozen=True, kw_only=True)
class Categorical:
    """A list of values without an order."""

    name: str
    values: tuple[str, ...]

    def count(self) -> float:
        """Return how many values there are."""
        return len(self.values)

    def value(self, position: float) -> str:
        """Return the value at a position from 0 to 1."""
        return self.values[min(int(position * len(self.values)), len(self.values) - 1)]

    def position(self, value: str) -> float | None:
        """Return the middle of a value's share, None for one that is not in the list."""
        if value not in self.values:
            return None
        return (self.values.index(value) + 0.5) / len(self.values)


Parameter = Numeric | Categorical


@dataclass(frozen=True)
class Space:
    """The parameters of one training job definition, in the order of its ranges."""

    parameters: tuple[Parameter, ...]

    def count(self) -> float:
        """Return how many combinations there are."""
        return math.prod(each.count() for each in self.parameters)

    def tuned(self, point: Point) -> Tuned:
        """Return the hyperparameters a point stands for."""
        return {each.name: each.value(at) for each, at in zip(self.parameters, point, strict=True)}

    def point(self, values: Mapping[str, str]) -> Point | None:
        """Return where hyperparameters stand, None if one is missing or outside its range."""
        said = ((each, values.get(each.name)) for each in self.parameters)
        found = [None if value is None else each.position(value) for each, value in said]
        return None if None in found else tuple(at for at in found if at is not None)

    def snapped(self, point: Point) -> Point:
        """Return the point that the values of a point stand at, which rounding moves."""
        return self.point(self.tuned(point)) or point


def read(ranges: Document) -> Space:
    """Read a checked ParameterRanges."""
    found: list[Parameter] = []
    for kind, integer in (("IntegerParameterRanges", True), ("ContinuousParameterRanges", False)):
        for each in ranges.get(kind, ()):
            low, high = float(each["MinValue"]), float(each["MaxValue"])
            scale: Scale = each.get("ScalingType", "Auto")
            found.append(Numeric(name=each["Name"], low=low, high=high, scale=scale, integer=integer))
    for each in ranges.get("CategoricalParameterRanges", ()):
        found.append(Categorical(name=each["Name"], values=tuple(each["Values"])))
    return Space(tuple(found))


def combination(space: Space, number: int) -> Tuned | None:
    """Return one combination of a grid, counted from 0; None past the last."""
    if not 0 <= number < space.count():
        return None
    tuned: Tuned = {}
    for each in reversed(space.parameters):
        number, place = divmod(number, int(each.count()))
        tuned[each.name] = each.values[place] if isinstance(each, Categorical) else str(int(each.low) + place)
    return {each.name: tuned[each.name] for each in space.parameters}


def names(ranges: Document) -> Sequence[str]:
    """Return the names of all parameters of a ParameterRanges, automatic ones included."""
    return [each["Name"] for kind in ranges.values() for each in kind]

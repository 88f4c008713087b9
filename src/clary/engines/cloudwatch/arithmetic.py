"""Metric math, computed: what an expression is of the series it names.

A value is a number, a series or several of them. Between two series only the times count that both have; a
division by nothing leaves the time out. Functions and their rules: evidence/cloudwatch-metrics.md.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from clary.engines.cloudwatch.expression import (
    BadExpression,
    Function,
    Name,
    Node,
    Number,
    Operation,
    Several,
    Text,
)
from clary.engines.cloudwatch.series import Values

MOST_PERIODS = 100_800
"""Values that one request is answered at most."""


@dataclass(frozen=True)
class Series:
    """A series with what it is called."""

    values: Values
    period: int
    label: str = ""


Value = float | Series | tuple[Series, ...]


@dataclass(frozen=True)
class Scope:
    """What an expression may ask for: the other queries by id, the metrics among them, and its window."""

    known: Mapping[str, Value]
    metrics: Sequence[str]
    start: int
    end: int
    period: int
    origin: int = 0

    def grid(self, period: int) -> range:
        """Return every second a period of the window starts at."""
        first = (self.start - self.origin) // period * period + self.origin
        found = range(first, self.end, period)
        if len(found) > MOST_PERIODS:
            raise BadExpression(f"The window has more than {MOST_PERIODS} periods of {period} seconds.")
        return found


def compute(node: Node, scope: Scope) -> Value:
    """Compute an expression, or raise BadExpression."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Name):
        if node.name not in scope.known:
            raise BadExpression(f"There is no query with the id '{node.name}'.")
        return scope.known[node.name]
    if isinstance(node, Several):
        return tuple(each for item in node.items for each in several(compute(item, scope)))
    if isinstance(node, Text):
        raise BadExpression(f"A text, '{node.value}', is no value.")
    if isinstance(node, Operation):
        return _joined(_SIGNS[node.sign], compute(node.left, scope), compute(node.right, scope))
    function = _FUNCTIONS.get(node.name)
    if function is None:
        raise BadExpression(f"The function {node.name} is not available here.")
    return function(node, scope)


def several(value: Value) -> tuple[Series, ...]:
    """Return the series a value has; a number has none."""
    if isinstance(value, Series):
        return (value,)
    if isinstance(value, tuple):
        return value
    raise BadExpression("A series is wanted where there is a number.")


def _joined(sign: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, float) and isinstance(right, float):
        return _tried(sign, left, right) or 0.0
    if isinstance(left, tuple) and isinstance(right, tuple):
        if len(left) != len(right):
            raise BadExpression(f"{len(left)} series cannot be joined with {len(right)} one by one.")
        return tuple(_pair(sign, a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, tuple):
        return tuple(_pair(sign, each, right) for each in left)
    if isinstance(right, tuple):
        return tuple(_pair(sign, left, each) for each in right)
    return _pair(sign, left, right)


def _pair(sign: Callable[[float, float], float], left: Value, right: Value) -> Series:
    if isinstance(left, Series) and isinstance(right, Series):
        both = ((at, _tried(sign, value, right.values.get(at))) for at, value in left.values.items())
        return replace(left, values=_present(both), period=max(left.period, right.period))
    if isinstance(left, Series) and isinstance(right, float):
        return replace(left, values=_present((t, _tried(sign, v, right)) for t, v in left.values.items()))
    if isinstance(right, Series) and isinstance(left, float):
        return replace(right, values=_present((t, _tried(sign, left, v)) for t, v in right.values.items()))
    raise BadExpression("These cannot be joined.")


def _tried(sign: Callable[[float, float], float], left: float, right: float | None) -> float | None:
    if right is None:
        return None
    try:
        value = sign(left, right)
    except (ArithmeticError, ValueError):
        return None
    return None if isinstance(value, complex) or not math.isfinite(value) else float(value)


def _present(values: object) -> Values:
    return {at: value for at, value in values if value is not None}  # type: ignore[attr-defined]


_SIGNS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "&&": lambda left, right: bool(left) and bool(right),
    "||": lambda left, right: bool(left) or bool(right),
}


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


_COMBINED: dict[str, Callable[[Sequence[float]], float]] = {
    "AVG": lambda values: math.fsum(values) / len(values),
    "SUM": math.fsum,
    "MIN": min,
    "MAX": max,
    "STDDEV": _deviation,
}


def _given(node: Function, scope: Scope, least: int, most: int) -> list[Value]:
    if not least <= len(node.arguments) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise BadExpression(f"{node.name} takes {wanted} arguments, not {len(node.arguments)}.")
    return [compute(argument, scope) for argument in node.arguments]


def _combine(node: Function, scope: Scope) -> Value:
    """One number of a series, or one series of several."""
    [value] = _given(node, scope, 1, 1)
    tell = _COMBINED[node.name]
    if isinstance(value, float):
        return value
    if isinstance(value, Series):
        return float(tell(list(value.values.values()))) if value.values else 0.0
    found: dict[int, list[float]] = {}
    for each in value:
        for at, number in each.values.items():
            found.setdefault(at, []).append(number)
    period = max((each.period for each in value), default=scope.period)
    return Series({at: float(tell(found[at])) for at in sorted(found)}, period)


def _each(change: Callable[[Series], Values]) -> Callable[[Function, Scope], Value]:
    """Make a function that does the same to every series."""

    def call(node: Function, scope: Scope) -> Value:
        [value] = _given(node, scope, 1, 1)
        changed = tuple(replace(each, values=change(each)) for each in several(value))
        return changed[0] if isinstance(value, Series) else changed

    return call


def _mapped(change: Callable[[float], float]) -> Callable[[Function, Scope], Value]:
    def call(node: Function, scope: Scope) -> Value:
        [value] = _given(node, scope, 1, 1)
        return _joined(lambda number, _: change(number), value, 0.0)

    return call


def _steps(series: Series) -> list[tuple[int, int, float, float]]:
    points = sorted(series.values.items())
    return [(b[0], b[0] - a[0], a[1], b[1]) for a, b in pairwise(points)]


def _running(series: Series) -> Values:
    total, values = 0.0, {}
    for at, value in sorted(series.values.items()):
        total += value
        values[at] = total
    return values


def _fill(node: Function, scope: Scope) -> Value:
    if len(node.arguments) != 2:
        raise BadExpression("FILL takes a series and what to fill it with.")
    value, filling = compute(node.arguments[0], scope), node.arguments[1]
    way = filling.name.upper() if isinstance(filling, Name) and filling.name not in scope.known else ""
    if way not in ("", "REPEAT", "LINEAR"):
        raise BadExpression(f"FILL fills with a number, REPEAT or LINEAR, not {way}.")
    other = None if way else compute(filling, scope)
    filled = tuple(_filled(each, way, other, scope) for each in several(value))
    return filled[0] if isinstance(value, Series) else filled


def _filled(series: Series, way: str, other: Value | None, scope: Scope) -> Series:
    known = sorted(series.values)
    values: Values = {}
    for at in scope.grid(series.period):
        before = bisect_right(known, at)
        if at in series.values:
            values[at] = series.values[at]
        elif isinstance(other, float):
            values[at] = other
        elif isinstance(other, Series):
            if at in other.values:
                values[at] = other.values[at]
        elif before and way == "REPEAT":
            values[at] = series.values[known[before - 1]]
        elif before and before < len(known):
            left, right = known[before - 1], known[before]
            share = (at - left) / (right - left)
            values[at] = series.values[left] + share * (series.values[right] - series.values[left])
    return replace(series, values=values)


def _if(node: Function, scope: Scope) -> Value:
    given = _given(node, scope, 2, 3)
    condition, yes, no = given[0], given[1], given[2] if len(given) > 2 else None
    if isinstance(condition, float):
        chosen = yes if condition else no
        return Series({}, scope.period) if chosen is None else chosen
    if isinstance(condition, tuple):
        raise BadExpression("IF takes a number or one series as its condition.")
    values: Values = {}
    for at, truth in condition.values.items():
        chosen = yes if truth else no
        if isinstance(chosen, float):
            values[at] = chosen
        elif isinstance(chosen, Series) and at in chosen.values:
            values[at] = chosen.values[at]
        elif isinstance(chosen, tuple):
            raise BadExpression("IF takes numbers or series to choose from, not several series at once.")
    return replace(condition, values=values)


def _metrics(node: Function, scope: Scope) -> Value:
    part = node.arguments[0] if node.arguments else Text("")
    if not isinstance(part, Text) or len(node.arguments) > 1:
        raise BadExpression("METRICS takes nothing, or a text that ids must have in them.")
    return tuple(e for name in scope.metrics if part.value in name for e in several(scope.known[name]))


def _one(value: Value) -> Series:
    [*found] = several(value)
    if len(found) != 1:
        raise BadExpression("One series is wanted.")
    return found[0]


def _period(node: Function, scope: Scope) -> Value:
    return float(_one(_given(node, scope, 1, 1)[0]).period)


def _count(node: Function, scope: Scope) -> Value:
    return float(len(_one(_given(node, scope, 1, 1)[0]).values))


def _end(place: int) -> Callable[[Function, Scope], Value]:
    def call(node: Function, scope: Scope) -> Value:
        found = several(_given(node, scope, 1, 1)[0])
        return found[place] if found else Series({}, scope.period)

    return call


def _constant(node: Function, scope: Scope) -> Value:
    [value] = _given(node, scope, 1, 1)
    if not isinstance(value, float):
        raise BadExpression("TIME_SERIES takes a number.")
    return Series(dict.fromkeys(scope.grid(scope.period), value), scope.period)


_FUNCTIONS: dict[str, Callable[[Function, Scope], Value]] = {
    **dict.fromkeys(_COMBINED, _combine),
    "ABS": _mapped(abs),
    "CEIL": _mapped(math.ceil),
    "FLOOR": _mapped(math.floor),
    "LOG": _mapped(math.log),
    "LOG10": _mapped(math.log10),
    "DATAPOINT_COUNT": _count,
    "DIFF": _each(lambda series: {at: new - old for at, _, old, new in _steps(series)}),
    "RATE": _each(lambda series: {at: (new - old) / gap for at, gap, old, new in _steps(series)}),
    "RUNNING_SUM": _each(_running),
    "FILL": _fill,
    "FIRST": _end(0),
    "LAST": _end(-1),
    "IF": _if,
    "METRICS": _metrics,
    "PERIOD": _period,
    "TIME_SERIES": _constant,
}

"""What a metric filter makes of events: values by metric, dimensions and minute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from clary.core.decimals import decimal
from clary.engines.logs.selector import read, value_at

Test = Callable[[str], bool] | None
MINUTE = 60_000  # Milliseconds: how finely metrics of filters are kept.


@dataclass(frozen=True)
class Transformation:
    """One metric of a filter. `value` is a number or a selector, `dimensions` map a name to a selector."""

    namespace: str
    name: str
    value: str
    default: float | None = None
    unit: str = "None"
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """One value of a metric, in milliseconds since 1970."""

    dimensions: tuple[tuple[str, str], ...]
    time: int
    value: float


def measure(events: Iterable[tuple[int, str]], test: Test, wanted: Transformation) -> list[Point]:
    """Return the points that (time, message) events make; a minute in which none passes has the default."""
    points: list[Point] = []
    quiet: dict[int, bool] = {}
    for time, message in events:
        minute = time // MINUTE * MINUTE
        passes = test is None or test(message)
        quiet[minute] = quiet.get(minute, True) and not passes
        if passes and (value := _value(message, wanted.value)) is not None:
            points.append(Point(_dimensions(message, wanted.dimensions), minute, value))
    if wanted.default is not None:
        points += [Point((), minute, wanted.default) for minute, none in quiet.items() if none]
    return points


def _value(message: str, wanted: str) -> float | None:
    if not wanted.startswith("$"):
        return decimal(wanted)
    found = _found(message, wanted)
    if isinstance(found, bool):
        return None
    return decimal(str(found)) if isinstance(found, str | int | float) else None


def _dimensions(message: str, wanted: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    told = {name: _found(message, selector) for name, selector in wanted.items()}
    if any(not isinstance(value, str | int | float) for value in told.values()):
        return ()
    return tuple(sorted((name, str(value)) for name, value in told.items()))


def _found(message: str, selector: str) -> object:
    return value_at(read(message), selector)

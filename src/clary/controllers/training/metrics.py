"""The metrics of a job: what its definitions find in its log."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from clary.core.document import Document

LONGEST = 8192  # characters of a line that are searched, so that one line cannot hold a controller up

Matches = Callable[[str, re.Pattern[str], str], Iterator[re.Match[str]]]
"""How a metric's expression is searched for in a line."""


Points = dict[str, list[tuple[int, float]]]
"""By a metric's name, (milliseconds, value) in the order of the log."""


def _matches(_name: str, pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return pattern.finditer(text)


def every_value(
    definitions: Sequence[Document], events: Iterable[tuple[int, str]], matches: Matches = _matches
) -> Points:
    """Return for each definition the values of its matches, as they were logged."""
    compiled = [(each["Name"], re.compile(each["Regex"])) for each in definitions]
    found: Points = {}
    for stamp, text in events:
        for name, pattern in compiled:
            for match in matches(name, pattern, text[:LONGEST]):
                value = _number(match)
                if value is not None:
                    found.setdefault(name, []).append((stamp, value))
    return found


def _number(match: re.Match[str]) -> float | None:
    """Read the first group as AWS does: a match without a finite number is no value."""
    try:
        value = float(match[1] if match.re.groups else match[0])
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None

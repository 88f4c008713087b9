"""The metrics of a job: what its definitions find in its log."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from clary.core.document import Document

LONGEST = 8192  # characters of a line that are searched, so that one line cannot hold a controller up


def last_values(definitions: Sequence[Document], events: Iterable[tuple[int, str]]) -> list[Document]:
    """Return FinalMetricDataList: for each definition the value of its last match, and when it was logged."""
    compiled = [(each["Name"], re.compile(each["Regex"])) for each in definitions]
    found: dict[str, Document] = {}
    for stamp, text in events:
        for name, pattern in compiled:
            for match in pattern.finditer(text[:LONGEST]):
                value = _number(match)
                if value is not None:
                    at = datetime.fromtimestamp(stamp // 1000, UTC)  # the API tells whole seconds
                    found[name] = {"MetricName": name, "Value": value, "Timestamp": at}
    return [found[name] for name, _ in compiled if name in found]


def _number(match: re.Match[str]) -> float | None:
    """Read the first group as AWS does: a match without a finite number is no value."""
    try:
        value = float(match[1] if match.re.groups else match[0])
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None

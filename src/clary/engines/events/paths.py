"""The part of JSONPath that EventBridge has: members, indexes and wildcards."""

from __future__ import annotations

import re

NOTHING = object()
"""What a path finds where nothing is."""

_STEP = re.compile(
    r"""\.(?P<member>[\w/-]+|\*)|\[(?P<index>\d+|\*)\]|\[(?P<quote>['"])(?P<quoted>[^'"\]]+)(?P=quote)\]"""
)


def fault(path: str) -> str:
    """Return why a text is no path; "" where it is one."""
    return "" if _steps(path) is not None else f"{path!r} is not like $.detail.status or $.resources[0]"


def find(path: str, value: object) -> object:
    """Return what a path leads to, a list where it has a wildcard; NOTHING where nothing is."""
    steps = _steps(path)
    if steps is None:
        return NOTHING
    found, many = [value], False
    for step in steps:
        many = many or step == "*"
        found = [each for held in found for each in _below(held, step)]
    if many:
        return found
    return found[0] if found else NOTHING


def _below(value: object, step: str | int) -> list[object]:
    if step == "*":
        if isinstance(value, dict):
            return list(value.values())
        return list(value) if isinstance(value, list) else []
    if isinstance(step, int):
        return [value[step]] if isinstance(value, list) and step < len(value) else []
    return [value[step]] if isinstance(value, dict) and step in value else []


def _steps(path: str) -> list[str | int] | None:
    if not path.startswith("$"):
        return None
    steps: list[str | int] = []
    place = 1
    while place < len(path):
        match = _STEP.match(path, place)
        if match is None:
            return None
        index = match["index"]
        steps.append(int(index) if index and index != "*" else match["member"] or match["quoted"] or "*")
        place = match.end()
    return steps

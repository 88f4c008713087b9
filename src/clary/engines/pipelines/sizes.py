"""How much a step's values may be once they are resolved, and that each can be said in JSON and kept."""

from __future__ import annotations

import math

from clary.engines.pipelines.faults import Unresolved

LONGEST = 1 << 20  # characters of one value; a definition as a whole has no more
MOST = 4 << 20  # characters of all that a step is told: what SageMaker's requests have room for


class Room:
    """How much all that one step is told may be: every value that an expression stands for uses it up."""

    def __init__(self, most: int = MOST) -> None:
        self._most = self._left = most

    def take(self, value: object, reference: str) -> object:
        """Return a value; raises Unresolved where it cannot be kept, or with those before it is too long."""
        self._left -= size(value, reference, LONGEST)
        if self._left < 0:
            raise Unresolved(reference, f"all that the step is told is longer than {self._most >> 20} MiB")
        return value


def checked(value: object, reference: str, most: int) -> object:
    """Return a value; raises Unresolved where it is too long, or cannot be kept."""
    size(value, reference, most)
    return value


def size(value: object, reference: str, most: int) -> int:
    """Return how much a value is: its texts' characters and its members; raises Unresolved like `checked`."""
    taken, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, float) and not math.isfinite(each):
            raise Unresolved(reference, f"{each} is no number of JSON")
        elif isinstance(each, str) and not _whole(each):
            raise Unresolved(reference, "it has half of a surrogate pair, which is no text")
        taken += len(each) if isinstance(each, str | dict | list) else 1
        if taken > most:
            raise Unresolved(reference, f"it is longer than {most >> 20} MiB")
    return taken


def depth(value: object) -> int:
    """Return how many lists and objects lie within each other, 0 for neither."""
    found, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        found += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return found


def _whole(text: str) -> bool:
    """Say whether a text can be written down: no half of a surrogate pair is in it."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

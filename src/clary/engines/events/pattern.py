"""Event patterns: which events a rule is for.

A pattern is read once into a tree of tests, so that matching one event takes microseconds. What AWS says of
each comparison, and what only its open engine shows: evidence/event-patterns.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from clary.core.document import Document
from clary.engines.events import comparing
from clary.engines.events.comparing import Exact, PatternFault, Test

__all__ = ["Pattern", "PatternFault", "parse", "read"]

OR = "$or"
DEEPEST = 50  # Objects within objects of a pattern: matching goes as deep as it does.


@dataclass(frozen=True)
class Leaf:
    """What a field may be: one of its values is one of these or passes a test, or it is absent and may be."""

    tests: tuple[Test, ...]
    exact: frozenset[Exact] = frozenset()
    absent: bool = False

    def takes(self, value: object) -> bool:
        """Say whether a field's value is one of those meant."""
        found = {comparing.of(each): each for each in _scalars(value)}
        if not found:
            return self.absent
        if not self.exact.isdisjoint(found):
            return True
        return any(test(each) for each in found.values() for test in self.tests)


@dataclass(frozen=True)
class Pattern:
    """A pattern, or the part of one for an object of the event: all fields fit, and one of each choice."""

    fields: Mapping[str, Pattern | Leaf]
    choices: tuple[tuple[Pattern, ...], ...] = field(default=())

    def matches(self, event: Document) -> bool:
        """Say whether an event is meant."""
        return self.takes(event)

    def takes(self, value: object) -> bool:
        """Say whether an object fits, or one of a list of them; nothing fits where nothing need be there."""
        if isinstance(value, list):
            return any(self.takes(each) for each in value) if value else self._fits({})
        return self._fits(value if isinstance(value, dict) else {})

    def _fits(self, value: Document) -> bool:
        if not all(part.takes(value.get(name, _NOTHING)) for name, part in self.fields.items()):
            return False
        return all(any(part.takes(value) for part in parts) for parts in self.choices)


def parse(text: str) -> Pattern:
    """Read a pattern's text; raise PatternFault with what is wrong with it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PatternFault(f"it is not JSON: {error}") from error
    return read(found)


def read(found: object) -> Pattern:
    """Read a pattern; raise PatternFault with what is wrong with it."""
    if not isinstance(found, dict):
        raise PatternFault("a pattern is a JSON object")
    return _object(found, "the pattern", 1)


def _object(found: Document, where: str, depth: int) -> Pattern:
    if depth > DEEPEST:
        raise PatternFault(f"{where} lies more than {DEEPEST} objects deep")
    if not found:
        raise PatternFault(f"{where} is empty; it needs a field at least")
    fields: dict[str, Pattern | Leaf] = {}
    choices: list[tuple[Pattern, ...]] = []
    for name, value in found.items():
        place = f'"{name}"'
        if name == OR:
            choices.append(_choice(value, depth))
        elif isinstance(value, dict):
            fields[name] = _object(value, place, depth + 1)
        elif isinstance(value, list):
            fields[name] = _leaf(value, place)
        else:
            raise PatternFault(f"{place} must be an object or an array")
    return Pattern(fields, tuple(choices))


def _choice(value: object, depth: int) -> tuple[Pattern, ...]:
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(each, dict) for each in value):
        raise PatternFault(f'"{OR}" must be an array of two objects at least')
    return tuple(_object(each, f'an object of "{OR}"', depth + 1) for each in value)


def _leaf(values: list[object], where: str) -> Leaf:
    if not values:
        raise PatternFault(f"{where} is an empty array; it needs a value at least")
    tests, exact, absent = [], set(), False
    for value in values:
        if isinstance(value, dict) and "exists" in value:
            there = _exists(value, where)
            absent = absent or not there
            if there:
                tests.append(_anything)
        elif isinstance(value, dict):
            tests.append(comparing.test_of(value, where))
        else:
            exact.add(comparing.exactly(value, where))
    return Leaf(tuple(tests), frozenset(exact), absent)


def _exists(value: Document, where: str) -> bool:
    if len(value) != 1 or not isinstance(value["exists"], bool):
        raise PatternFault(f'"exists" of {where} must stand alone and be true or false')
    return bool(value["exists"])


_NOTHING = object()
_anything: Callable[[object], bool] = lambda _: True  # noqa: E731 a test like the others


def _scalars(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for each in value:
            yield from _scalars(each)
    elif value is not _NOTHING and not isinstance(value, dict):
        yield value

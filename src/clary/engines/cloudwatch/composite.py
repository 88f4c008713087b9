"""The rule of a composite alarm: states of other alarms, joined by AND, OR and NOT."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(r"\s*(?:(AND|OR|NOT|TRUE|FALSE)\b|(OK|ALARM|INSUFFICIENT_DATA)\s*\(|([()]))")
_NAME = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s()\"]+))\s*\)")
_DEEPEST = 50

StateOf = Callable[[str], str | None]
"""Tells an alarm's state by its name or ARN; None for one that is not there."""

Test = Callable[[StateOf], bool]


class BadRule(Exception):
    """The text is no rule; the message says where."""


def parse_rule(text: str) -> tuple[Test, frozenset[str]]:
    """Read a rule; return its test and the alarms it names. What it names need not be there."""
    reader = _Reader(text)
    test = reader.either()
    if text[reader.at :].strip():
        raise BadRule(f"unexpected '{text[reader.at :].strip()[:20]}' in '{text[:100]}'")
    return test, frozenset(reader.names)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.names: list[str] = []

    def take(self, *wanted: str) -> str | None:
        match = _TOKEN.match(self.text, self.at)
        found = (match[1] or match[3]) if match else None
        if match is None or found not in wanted:
            return None
        self.at = match.end()
        return found

    def either(self) -> Test:
        found = [self.both()]
        while self.take("OR"):
            found.append(self.both())
        return found[0] if len(found) == 1 else lambda state_of: any(test(state_of) for test in found)

    def both(self) -> Test:
        found = [self.one()]
        while self.take("AND"):
            found.append(self.one())
        return found[0] if len(found) == 1 else lambda state_of: all(test(state_of) for test in found)

    def one(self) -> Test:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise BadRule(f"it is nested more than {_DEEPEST} deep")
        try:
            return self._one()
        finally:
            self.depth -= 1

    def _one(self) -> Test:
        if self.take("NOT"):
            return _not(self.one())
        if word := self.take("TRUE", "FALSE"):
            return lambda _: word == "TRUE"
        if self.take("("):
            test = self.either()
            if not self.take(")"):
                raise BadRule(f"')' is missing in '{self.text[:100]}'")
            return test
        match = _TOKEN.match(self.text, self.at)
        name = _NAME.match(self.text, match.end()) if match and match[2] else None
        if match is None or name is None:
            raise BadRule(f"unexpected '{self.text[self.at :].strip()[:20]}' in '{self.text[:100]}'")
        self.at = name.end()
        alarm, state = re.sub(r"\\(.)", r"\1", name[1] or name[2] or ""), match[2]
        self.names.append(alarm)
        return lambda state_of: state_of(alarm) == state


def _not(test: Test) -> Test:
    return lambda state_of: not test(state_of)

"""Texts in a policy that stand for more than themselves: `*`, `?` and policy variables.

Matching takes time proportional to the texts' lengths (no backtracking), because policies come from callers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

Context = Mapping[str, tuple[str, ...]]
"""What is known of a request: lower-case condition keys with their values."""

_VARIABLE = re.compile(r"\$\{\s*([^}',\s]+)\s*(?:,\s*'([^']*)'\s*)?\}")
_ESCAPES = frozenset("*?$")


Runs = list[list["str | Wild"]]


class Wild(Enum):
    """The two wildcards."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True)
class Variable:
    """`${key}` or `${key, 'default'}`; the key is in lower case."""

    key: str
    default: str | None


@dataclass(frozen=True)
class Pattern:
    """A compiled text. What a variable stands for is always taken literally, wildcards in it included."""

    source: str
    pieces: tuple[str | Wild | Variable, ...]

    def matches(self, value: str, context: Context, *, fold: bool = False) -> bool:
        """Say whether the whole of `value` fits; `fold` ignores case. An unknown variable fits nothing."""
        if self.test is not None and not fold:
            return self.test(value)
        pieces = self.resolve(context)
        if pieces is None:
            return False
        if fold:
            value = value.casefold()
            pieces = tuple(piece.casefold() if isinstance(piece, str) else piece for piece in pieces)
        return glob(pieces, value)

    @cached_property
    def test(self) -> Callable[[str], bool] | None:
        """How to try a value when no request can change the pattern, else None."""
        known = tuple(piece for piece in self.pieces if not isinstance(piece, Variable))
        return tester(known) if len(known) == len(self.pieces) else None

    def text(self, context: Context) -> str | None:
        """Return the text with its variables filled in, or None when one is unknown."""
        pieces = self.resolve(context)
        if pieces is None:
            return None
        return "".join(piece if isinstance(piece, str) else piece.value for piece in pieces)

    def resolve(self, context: Context) -> tuple[str | Wild, ...] | None:
        """Return the pieces with variables filled in, or None when one is unknown or has several values."""
        resolved: list[str | Wild] = []
        for piece in self.pieces:
            if isinstance(piece, Variable):
                values = context.get(piece.key, ())
                filled = values[0] if len(values) == 1 else piece.default
                if filled is None:
                    return None
                resolved.append(filled)
            else:
                resolved.append(piece)
        return tuple(resolved)


def compile_pattern(text: str, *, wild: bool, variables: bool) -> Pattern:
    """Compile `text`; without `wild` a `*` is only a star, without `variables` a `${…}` is only text."""
    if not variables:
        return Pattern(text, tuple(_wildcards(text, wild)))
    pieces: list[str | Wild | Variable] = []
    end = 0
    for match in _VARIABLE.finditer(text):
        pieces += _wildcards(text[end : match.start()], wild)
        key, default = match[1], match[2]
        pieces.append(key if key in _ESCAPES else Variable(key.lower(), default))
        end = match.end()
    pieces += _wildcards(text[end:], wild)
    return Pattern(text, tuple(pieces))


def _wildcards(text: str, wild: bool) -> list[str | Wild]:
    if not wild:
        return [text] if text else []
    return [Wild(part) if part in ("*", "?") else part for part in re.split(r"([*?])", text) if part]


def glob(pieces: tuple[str | Wild, ...], value: str) -> bool:
    """Say whether the whole of `value` fits the pieces."""
    return _fits_all(_runs(pieces), value)


def _runs(pieces: tuple[str | Wild, ...]) -> Runs:
    runs: Runs = [[]]
    for piece in pieces:
        if piece is Wild.ANY:
            runs.append([])
        else:
            runs[-1].append(piece)
    return runs


def tester(pieces: tuple[str | Wild, ...]) -> Callable[[str], bool]:
    """Return the quickest way to try a value; most patterns are plain texts between `*`."""
    runs = _runs(pieces)
    if any(len(run) > 1 or isinstance((run or [""])[0], Wild) for run in runs):
        return lambda value: _fits_all(runs, value)
    texts = [str(run[0]) if run else "" for run in runs]
    first, last, middle = texts[0], texts[-1], [text for text in texts[1:-1] if text]
    if len(texts) == 1:
        return first.__eq__
    if not middle and not last:
        return (lambda value: value.startswith(first)) if first else (lambda value: True)

    start = len(first)
    if len(middle) == 1 and not last:
        only = middle[0]
        return lambda value: value.startswith(first) and value.find(only, start) >= 0
    telling = max((*middle, last), key=len)  # most values lack it, and are done with

    def test(value: str) -> bool:
        if telling not in value or not value.startswith(first):
            return False
        at = start
        for text in middle:
            at = value.find(text, at)
            if at < 0:
                return False
            at += len(text)
        return not last or (value.endswith(last) and at <= len(value) - len(last))

    return test


def _fits_all(runs: Runs, value: str) -> bool:
    rest = runs[1:]
    at = _fits(runs[0], value, 0)
    if at is None:
        return False
    if not rest:
        return at == len(value)
    *middle, last = rest
    for run in middle:
        found = _find(run, value, at)
        if found is None:
            return False
        at = found
    start = len(value) - _length(last)
    return start >= at and _fits(last, value, start) is not None


def _find(run: list[str | Wild], value: str, at: int) -> int | None:
    """Return where the leftmost occurrence of a run ends; leftmost is always safe before another `*`."""
    if not run:
        return at
    if len(run) == 1 and isinstance(run[0], str):
        found = value.find(run[0], at)
        return None if found < 0 else found + len(run[0])
    for start in range(at, len(value) - _length(run) + 1):
        end = _fits(run, value, start)
        if end is not None:
            return end
    return None


def _fits(run: list[str | Wild], value: str, at: int) -> int | None:
    """Return where a run without `*` ends when it fits at exactly `at`."""
    for piece in run:
        if isinstance(piece, str):
            if not value.startswith(piece, at):
                return None
            at += len(piece)
        else:
            at += 1
    return at if at <= len(value) else None


def _length(run: list[str | Wild]) -> int:
    return sum(len(piece) if isinstance(piece, str) else 1 for piece in run)

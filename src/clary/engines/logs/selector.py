"""JSON selectors of log filter patterns: `{ $.level = "ERROR" && $.code >= 500 }`.

Comparisons of a member with a string (`*` stands for any characters), a number, or TRUE, FALSE, NULL, joined
by `&&`, `||` and parentheses. A message that is no JSON object passes no selector.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

Json = object
Check = Callable[[Json], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<path>\$(?:\.[\w-]+|\["[^"]+"\]|\[\d+\])+)
    | (?P<operator>&&|\|\||>=|<=|!=|=|>|<|[(){}])
    | "(?P<string>(?:[^"\\]|\\.)*)"
    | (?P<word>[^\s(){}=<>!&|"]+)
    )""",
    re.VERBOSE,
)
_STEP = re.compile(r'\.([\w-]+)|\["([^"]+)"\]|\[(\d+)\]')
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_ABSENT = object()


class BadSelector(ValueError):
    """The selector does not parse; the message says where."""


def compile_selector(text: str) -> Callable[[str], bool]:
    """Return the test a selector stands for."""
    reader = _Reader(_tokens(text))
    reader.take("{")
    check = _either(reader)
    reader.take("}")
    if reader.more():
        raise BadSelector(f"Invalid filter pattern: nothing may follow the closing brace in {text}")

    def passes(message: str) -> bool:
        value = read(message)
        return isinstance(value, dict) and check(value)

    return passes


def read(message: str) -> Json:
    """Return the JSON that a message is, None for anything else and for what is nested too deep."""
    try:
        found: Json = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return found


def is_path(text: str) -> bool:
    """Tell whether a text is one selector such as `$.latency`, and nothing else."""
    match = _TOKEN.fullmatch(text)
    return match is not None and match.lastgroup == "path"


def value_at(value: Json, path: str) -> Json:
    """Return what a selector finds in a JSON value, None for nothing."""
    found = _at(value, path)
    return None if found is _ABSENT else found


def value_of(pattern: str) -> Callable[[str], dict[str, str]]:
    """Return a function that tells what a pattern's selectors find in a message, by selector."""
    paths = [token.text for token in _tokens(pattern) if token.kind == "path"] if pattern[:1] == "{" else []

    def values(message: str) -> dict[str, str]:
        parsed = read(message)
        found = {path: value_at(parsed, path) for path in paths}
        return {path: str(value) for path, value in found.items() if value is not None}

    return values


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


class _Reader:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._tokens)

    def sees(self, text: str) -> bool:
        return self.more() and self._tokens[self._at] == _Token("operator", text)

    def next(self) -> _Token:
        if not self.more():
            raise BadSelector("Invalid filter pattern: it ends too early.")
        self._at += 1
        return self._tokens[self._at - 1]

    def take(self, text: str) -> None:
        token = self.next()
        if token != _Token("operator", text):
            raise BadSelector(f"Invalid filter pattern: expected {text} before '{token.text}'.")


def _tokens(text: str) -> list[_Token]:
    tokens, at, end = list[_Token](), 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadSelector(f"Invalid filter pattern at '{text[at:].strip()}'.")
        kind = match.lastgroup or "string"
        tokens.append(_Token(kind, match[kind]))
        at = match.end()
    return tokens


def _either(reader: _Reader) -> Check:
    checks = [_both(reader)]
    while reader.sees("||"):
        reader.take("||")
        checks.append(_both(reader))
    return lambda value: any(check(value) for check in checks)


def _both(reader: _Reader) -> Check:
    checks = [_one(reader)]
    while reader.sees("&&"):
        reader.take("&&")
        checks.append(_one(reader))
    return lambda value: all(check(value) for check in checks)


def _one(reader: _Reader) -> Check:
    if reader.sees("("):
        reader.take("(")
        check = _either(reader)
        reader.take(")")
        return check
    path = reader.next()
    if path.kind != "path":
        raise BadSelector(
            f"Invalid filter pattern: expected a selector such as $.level, found '{path.text}'."
        )
    compare = reader.next()
    if compare.kind == "word":
        return _state(path.text, compare.text, reader)
    if compare.text not in _COMPARE:
        raise BadSelector(f"Invalid filter pattern: expected = != < > <= or >= after {path.text}.")
    return _comparison(path.text, compare.text, reader.next())


def _state(path: str, word: str, reader: _Reader) -> Check:
    state = f"{word} {reader.next().text}".upper()
    if state == "NOT EXISTS":
        return lambda value: _at(value, path) is _ABSENT
    expected = {"IS TRUE": True, "IS FALSE": False, "IS NULL": None}
    if state not in expected:
        raise BadSelector(
            f"Invalid filter pattern: {state} is none of IS TRUE, IS FALSE, IS NULL, NOT EXISTS."
        )
    return lambda value: _at(value, path) is expected[state]


def _comparison(path: str, compare: str, wanted: _Token) -> Check:
    if wanted.kind not in ("string", "word"):
        raise BadSelector(f"Invalid filter pattern: expected a value after {path} {compare}.")
    if wanted.kind == "word" and (number := _number(wanted.text)) is not None:
        test = _COMPARE[compare]
        return lambda value: isinstance(found := _at(value, path), int | float) and test(found, number)
    if compare not in ("=", "!="):
        raise BadSelector(f"Invalid filter pattern: {compare} compares numbers, and {wanted.text} is none.")
    parts = wanted.text.split("*")
    like = re.compile(".*".join(re.escape(re.sub(r"\\(.)", r"\1", part)) for part in parts), re.DOTALL)

    def check(value: Json) -> bool:
        found = _at(value, path)
        if found is _ABSENT:
            return False
        text = found if isinstance(found, str) else json.dumps(found)
        return (like.fullmatch(text) is not None) == (compare == "=")

    return check


def _at(value: Json, path: str) -> Json:
    for step in _STEP.finditer(path):
        if step[3] is not None:
            at = int(step[3])
            value = value[at] if isinstance(value, list) and at < len(value) else _ABSENT
        else:
            value = value.get(step[1] or step[2], _ABSENT) if isinstance(value, dict) else _ABSENT
    return value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

"""CloudWatch Logs filter patterns: terms, phrases, `?` and `-`, and JSON selectors.

A pattern this page does not know (regular expressions between `%`, space-delimited fields in `[]`) is
refused, so that no filter answers more or less than it says (evidence/filter-patterns.md). The JSON side is
`clary.engines.logs.selector`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from clary.engines.logs import selector

Test = Callable[[str], bool]

_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\w+))(?=\s|$)')


class BadPattern(ValueError):
    """The pattern is not one; the message says where and what would be right."""


def compile_pattern(pattern: str) -> Test | None:
    """Return the test that a pattern stands for, None for one that lets everything pass."""
    text = pattern.strip()
    if not text:
        return None
    if text.startswith("{"):
        try:
            return selector.compile_selector(text)
        except selector.BadSelector as error:
            raise BadPattern(str(error)) from error
    if text.startswith("["):
        raise BadPattern(
            "Space-delimited patterns ([field, ...]) are not available; use terms or a JSON selector."
        )
    if "%" in text and not _TERM.match(text):
        raise BadPattern("Regular expressions (%...%) are not available; use terms or a JSON selector.")
    return _terms(text)


def _terms(text: str) -> Test:
    needed, optional, excluded = list[str](), list[str](), list[str]()
    kinds = {"": needed, "?": optional, "-": excluded}
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            rest = text[at:].strip()
            raise BadPattern(
                f"Invalid filter pattern at '{rest}': "
                "a term of more than letters, digits and _ needs double quotes."
            )
        phrase = match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        kinds[match[1]].append(phrase)
        at = match.end()
    if optional and (needed or excluded):
        raise BadPattern("A pattern with ? terms can have only ? terms.")

    def passes(message: str) -> bool:
        return (
            all(term in message for term in needed)
            and not any(term in message for term in excluded)
            and (not optional or any(term in message for term in optional))
        )

    return passes

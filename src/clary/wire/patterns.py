"""The models' patterns are Java's; here they become Python's."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata

_CLASS = re.compile(r"\\p\{(?:Is)?(\w+)\}")
_POSIX = {
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "ASCII": r"\x00-\x7f",
    "Digit": "0-9",
    "Graph": r"\x21-\x7e",
    "Lower": "a-z",
    "Print": r"\x20-\x7e",
    "Punct": r"!-/:-@\[-`{-~",
    "Space": r"\s",
    "Upper": "A-Z",
}
# Java reads a surrogate pair in a class as the one character it stands for.
_PAIRS = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
# Patterns that backtrack without end on the wrong value, as plainer ones for the same values.
_PLAINER = {
    r"[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?": r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
    r"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$": r"[a-z0-9*](?:[._\-/]?[a-z0-9*])*",
}


@functools.cache
def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern, to be matched against the whole value; None when Python cannot say it."""
    translated = _PLAINER.get(pattern, pattern).replace(*_PAIRS).replace(r"\z", r"\Z")
    translated = re.sub(r"\$\{[0-9]+,[0-9]+\}$", "$", translated)  # Java lets an anchor be repeated.
    translated = _expand(translated)
    translated = re.sub(r"\\([wds])-(?=[^\]])", r"\\\1\\-", translated)
    try:
        return re.compile(translated, re.ASCII)
    except re.error:
        return None


def _expand(pattern: str) -> str:
    """Write out `\\p{…}`; outside of brackets it becomes a class of its own."""
    out, at = [], 0
    for match in _CLASS.finditer(pattern):
        out.append(pattern[at : match.start()])
        inside = pattern.rfind("[", 0, match.start()) > pattern.rfind("]", 0, match.start())
        members = _members(match[1])
        out.append(members if inside else f"[{members}]")
        at = match.end()
    return "".join(out) + pattern[at:]


def _members(name: str) -> str:
    if name in _POSIX:
        return _POSIX[name]
    return "".join(
        f"\\U{first:08x}-\\U{last:08x}" if last > first else f"\\U{first:08x}"
        for first, last in _ranges().get(name, ())
    )


@functools.cache
def _ranges() -> dict[str, list[tuple[int, int]]]:
    """Return the code points of each general category and of its first letter."""
    found: dict[str, list[tuple[int, int]]] = {}
    # Planes 4 to 13 are unassigned and 15 and 16 private use: walking them would take most of the time.
    for first, end in ((0, 0x40000), (0xE0000, 0xF0000)):
        for code in range(first, min(end, sys.maxunicode + 1)):
            category = unicodedata.category(chr(code))
            if category in ("Cn", "Cs", "Co"):
                continue
            for name in (category, category[0]):
                ranges = found.setdefault(name, [])
                if ranges and ranges[-1][1] == code - 1:
                    ranges[-1] = (ranges[-1][0], code)
                else:
                    ranges.append((code, code))
    return found

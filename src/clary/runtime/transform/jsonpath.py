"""The part of JSONPath that data processing of transform jobs has (evidence/batch-transform.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_DOTTED = re.compile(r"\.(\*|[^.\[\]\s'\",*]+)")
_BRACKET = re.compile(r"\.?\[\s*([^\[\]]*?)\s*\]")
_NAME = re.compile(r"'([^']+)'|\"([^\"]+)\"")
_RANGE = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?")
_NUMBER = re.compile(r"-?\d+")


class PathError(ValueError):
    """A path that is none, or that data does not have; the text says which and why."""


@dataclass(frozen=True)
class Range:
    """`[start:end]`, both ends included."""

    start: int | None
    end: int | None


@dataclass(frozen=True)
class Names:
    """Members of an object."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Places:
    """Elements of an array, by number or by range."""

    places: tuple[int | Range, ...]


@dataclass(frozen=True)
class Every:
    """All members, or all elements."""


Step = Names | Places | Every


@dataclass(frozen=True)
class Path:
    """A parsed path. One that can only lead to one value leads to that, any other to a list."""

    text: str
    steps: tuple[Step, ...]

    @property
    def whole(self) -> bool:
        """Tell whether it is `$`."""
        return not self.steps

    @property
    def definite(self) -> bool:
        """Tell whether it leads to one value."""
        *before, last = self.steps or (Names(("",)),)
        return all(_single(step) for step in before) and (_single(last) or isinstance(last, Names))


def parse(text: str) -> Path:
    """Return a path, or say what is wrong with it."""
    if not text.startswith("$"):
        raise PathError(f"Invalid JsonPath: {text}: it must begin with $")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        if found := _BRACKET.match(text, at):
            steps.append(_bracket(text, found[1]))
        elif found := _DOTTED.match(text, at):
            steps.append(Every() if found[1] == "*" else Names((found[1],)))
        else:
            raise PathError(f"Invalid JsonPath: {text}: unexpected {text[at:]!r}")
        at = found.end()
    return Path(text, tuple(steps))


def select(path: Path, value: object) -> object:
    """Return what a path leads to; what is not there raises `PathError`."""
    found = _walk(path, path.steps, value)
    return found[0] if path.definite else found


@lru_cache(maxsize=256)
def columns(path: Path, width: int) -> tuple[int, ...]:
    """Return which columns of a row a path chooses; of CSV each row is an array."""
    return tuple(_numbers(path, places_of(path), width))


def places_of(path: Path) -> Places:
    """Return which columns a path speaks of; one that speaks of anything else raises `PathError`."""
    if path.whole or path.steps == (Every(),):
        return Places((Range(None, None),))
    if len(path.steps) != 1 or not isinstance(path.steps[0], Places):
        raise PathError(
            f"Invalid JsonPath: {path.text}: of CSV only columns can be chosen, like $[0] or $[1:]"
        )
    return path.steps[0]


def _bracket(text: str, inside: str) -> Step:
    if inside == "*":
        return Every()
    parts = [part.strip() for part in inside.split(",")]
    if (names := [_NAME.fullmatch(part) for part in parts]) and all(names):
        return Names(tuple(found[1] or found[2] for found in names if found))
    places: list[int | Range] = []
    for part in parts:
        if _NUMBER.fullmatch(part):
            places.append(int(part))
        elif found := _RANGE.fullmatch(part):
            ends = [None if end is None else int(end) for end in found.groups()]
            places.append(Range(*ends))
        else:
            raise PathError(
                f"Invalid JsonPath: {text}: [{inside}] must hold names in quotes, numbers or ranges like 1:5"
            )
    return Places(tuple(places))


def _single(step: Step) -> bool:
    if isinstance(step, Names):
        return len(step.names) == 1
    return isinstance(step, Places) and len(step.places) == 1 and isinstance(step.places[0], int)


def _walk(path: Path, steps: Sequence[Step], value: object) -> list[object]:
    if not steps:
        return [value]
    step, rest = steps[0], steps[1:]
    if isinstance(step, Names) and len(step.names) > 1 and not rest:
        return [{name: _member(path, value, name) for name in step.names}]
    return [each for child in _children(path, step, value) for each in _walk(path, rest, child)]


def _children(path: Path, step: Step, value: object) -> list[object]:
    if isinstance(step, Names):
        return [_member(path, value, name) for name in step.names]
    if isinstance(step, Every) and isinstance(value, dict):
        return list(value.values())
    if not isinstance(value, list):
        raise PathError(f"{path.text}: there is {_kind(value)} where the path needs an array")
    if isinstance(step, Every):
        return value
    return [value[number] for number in _numbers(path, step, len(value))]


def _member(path: Path, value: object, name: str) -> object:
    if not isinstance(value, dict):
        raise PathError(f"{path.text}: there is {_kind(value)} where the path needs an object with {name!r}")
    if name not in value:
        has = ", ".join(map(repr, list(value)[:10])) or "none"
        raise PathError(f"{path.text}: the object has no attribute {name!r}; it has {has}")
    return value[name]


def _numbers(path: Path, step: Places, size: int) -> list[int]:
    found: list[int] = []
    for place in step.places:
        if isinstance(place, int):
            found.append(_within(path, place, size))
        else:
            start = 0 if place.start is None else _within(path, place.start, size)
            end = size - 1 if place.end is None else _within(path, place.end, size)
            found += range(start, end + 1)
    return found


def _within(path: Path, number: int, size: int) -> int:
    if not -size <= number < size:
        raise PathError(f"{path.text}: the index {number} is not within the {size} elements that there are")
    return number % size


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")

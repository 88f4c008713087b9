"""Members of a definition's JSON, taken in the form they must have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sized
from typing import TypeVar

from clary.core.document import Document
from clary.engines.pipelines.faults import DefinitionFault
from clary.engines.pipelines.shapes import unknown

T = TypeVar("T", bound=str)


def structure(value: object, path: str) -> Document:
    """Return a value that is an object."""
    if not isinstance(value, dict):
        raise DefinitionFault(path, f"it is {_shown(value)}; it must be an object.")
    return value


def members(value: object, path: str, known: Collection[str]) -> Document:
    """Return a value that is an object with none but known members."""
    found = structure(value, path)
    for name in found:
        if name not in known:
            raise unknown(name, known, path)
    return found


def items(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Yield the elements of a value that is a list, each after its path."""
    if not isinstance(value, list):
        raise DefinitionFault(path, f"it is {_shown(value)}; it must be a list.")
    for index, each in enumerate(value):
        yield f"{path}[{index}]", each


def text(said: Document, name: str, path: str) -> str:
    """Return a member that is a string and is there."""
    value = said.get(name)
    if not isinstance(value, str):
        raise DefinitionFault(f"{path}.{name}", f"it is {_shown(value)}; it must be a String.")
    return value


def flag(said: Document, name: str, path: str) -> bool:
    """Return a member that is a truth value and is there."""
    value = said.get(name)
    if not isinstance(value, bool):
        raise DefinitionFault(f"{path}.{name}", f"it is {_shown(value)}; it must be a Boolean.")
    return value


def number(said: Document, name: str, path: str, least: float, most: float, *, whole: bool) -> None:
    """Refuse a member that is no number within its limits; one that is absent is none."""
    value = said.get(name)
    kinds: tuple[type, ...] = (int,) if whole else (int, float)
    if value is None:
        return
    fits = isinstance(value, int | float) and isinstance(value, kinds) and least <= value <= most
    if isinstance(value, bool) or not fits:
        sort = "an Integer" if whole else "a number"
        raise DefinitionFault(
            f"{path}.{name}", f"it is {_shown(value)}; it must be {sort} from {least:g} to {most:g}."
        )


def choice(value: object, path: str, choices: tuple[T, ...]) -> T:
    """Return a value that is one of a few."""
    for each in choices:
        if value == each:
            return each
    raise DefinitionFault(path, f"it is {_shown(value)}; it must be one of {', '.join(choices)}.")


def count(found: Sized, path: str, most: int) -> None:
    """Refuse more than a list may have."""
    if len(found) > most:
        raise DefinitionFault(path, f"there are {len(found)}; there may be {most}.")


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return "nothing" if value is None else repr(value)

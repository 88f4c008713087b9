"""What tests open without a server, databases and object stores: closed when the test is over.

Left to the garbage collection, a whole suite's worth of them holds more files open than a process may have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

from clary.store.database import Database


class Closes(Protocol):
    """Something to close."""

    def close(self) -> None: ...


Open = TypeVar("Open", bound=Closes)
_OPENED: list[Closes] = []


def opened(path: Path) -> Database:
    """Open a database for the present test."""
    return kept(Database(path))


def kept(thing: Open) -> Open:
    """Keep something to be closed, before what was opened earlier."""
    _OPENED.append(thing)
    return thing


def count() -> int:
    """Return how many things are open."""
    return len(_OPENED)


def close_all(but: int) -> None:
    """Close all but the first so many, which outlive the test."""
    while len(_OPENED) > but:
        _OPENED.pop().close()

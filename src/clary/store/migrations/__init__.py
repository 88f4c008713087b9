"""Numbered steps from an empty file to today's tables, applied when a database is opened.

A migration is a module `m<number>_<what>.py` in this package with one function `upgrade(connection)`. It
spells its tables out (never importing today's definitions), is never edited once released, and may follow a
gap in the numbers. A test compares what the migrations build with what the store's modules declare.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, inspect, select

if TYPE_CHECKING:
    from clary.store.database import Database

_APPLIED = Table(
    "migrations",
    MetaData(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("applied", String, nullable=False),
)
_MODULE = re.compile(r"m(\d{4})_(\w+)")


class NewerDatabase(Exception):
    """The database was written by a newer Clary than this one."""


def migrate(database: Database) -> None:
    """Bring the database up to date in one transaction; other processes wait. A newer one is refused."""
    known = {number: name for number, name in _modules()}
    with database.read() as connection:
        if _applied(connection) == set(known):
            return
    with database.write() as connection:
        _APPLIED.create(connection, checkfirst=True)
        applied = _applied(connection)
        if newer := applied - set(known):
            raise NewerDatabase(
                f"{database.path} was written by a newer Clary: it has migration {max(newer)}, this one "
                f"knows up to {max(known)}. Install the newer release, or open another home with --home."
            )
        for number in sorted(set(known) - applied):
            upgrade: Callable[[Connection], None] = importlib.import_module(
                f"{__name__}.{known[number]}"
            ).upgrade
            upgrade(connection)
            stamp = datetime.now(UTC).isoformat(timespec="seconds")
            connection.execute(insert(_APPLIED).values(number=number, name=known[number], applied=stamp))


def _modules() -> list[tuple[int, str]]:
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    numbered = [(int(match[1]), name) for name in found if (match := _MODULE.fullmatch(name))]
    if len({number for number, _ in numbered}) != len(numbered):
        raise ValueError(f"two migrations have one number: {sorted(found)}")
    return numbered


def _applied(connection: Connection) -> set[int]:
    if not inspect(connection).has_table(_APPLIED.name):
        return set()
    return set(connection.scalars(select(_APPLIED.c.number)))

"""Keys the store made for itself when the database was new; they sign page tokens."""

from __future__ import annotations

import secrets

from sqlalchemy import insert, select

from clary.store.database import Database
from clary.store.tables import SECRETS


def secret(database: Database, name: str) -> bytes:
    """Return this database's secret of that name, made on first use and the same in every process."""
    if (known := database.secrets.get(name)) is None:
        with database.read() as connection:
            known = connection.scalar(select(SECRETS.c.value).where(SECRETS.c.name == name))
        if known is None:
            known = _make(database, name)
        database.secrets[name] = known
    return known


def _make(database: Database, name: str) -> bytes:
    with database.write() as connection:
        found: bytes | None = connection.scalar(select(SECRETS.c.value).where(SECRETS.c.name == name))
        if found is not None:
            return found
        made = secrets.token_bytes(32)
        connection.execute(insert(SECRETS).values(name=name, value=made))
    return made

"""What one account has in the store, in whatever region."""

from __future__ import annotations

from sqlalchemy import func, select

from clary.resources.spec import Resource
from clary.store.database import Database
from clary.store.log_tables import GROUPS
from clary.store.record import scope_of
from clary.store.records import Records
from clary.store.tables import CHANGES, RECORDS


def places(database: Database, account: str) -> list[tuple[str, str, str]]:
    """Return service, kind and region of all kinds of which an account has or had records."""
    with database.read() as connection:
        found = connection.execute(
            select(CHANGES.c.service, CHANGES.c.kind, CHANGES.c.region).where(CHANGES.c.account == account)
        )
        return [(row.service, row.kind, row.region) for row in found]


def count(records: Records, resource: Resource) -> int:
    """Return how many records of a kind there are in one account and region."""
    scope = scope_of(resource.service, resource.kind, records.account, records.region)
    with records.database.read() as connection:
        found = connection.scalar(select(func.count()).where(RECORDS.c.scope == scope))
    return int(found or 0)


def log_groups(database: Database, account: str) -> list[tuple[str, str]]:
    """Return region and name of an account's log groups."""
    with database.read() as connection:
        found = connection.execute(select(GROUPS.c.region, GROUPS.c.name).where(GROUPS.c.account == account))
        return [(row.region, row.name) for row in found]

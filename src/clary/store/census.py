"""What one account has in the store, in whatever region."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from clary.resources.spec import Resource
from clary.store.database import Database, metadata
from clary.store.log_tables import GROUPS
from clary.store.objects.tables import BUCKETS
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


def log_groups(database: Database, account: str) -> int:
    """Return how many log groups an account has."""
    with database.read() as connection:
        found = connection.scalar(select(func.count()).where(GROUPS.c.account == account))
    return int(found or 0)


def forget(database: Database, account: str) -> None:
    """Delete what an account has besides records and buckets: logs, metrics, the history of alarms."""
    kept = (RECORDS, CHANGES, BUCKETS)
    with database.write() as connection:
        for table in metadata.sorted_tables:
            if "account" in table.c and table not in kept:
                connection.execute(delete(table).where(table.c.account == account))

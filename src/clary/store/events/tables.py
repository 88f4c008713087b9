"""The tables of what has happened, of what is to be delivered, and of times that were reached."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table

from clary.store.database import metadata
from clary.store.tables import BIG_KEY

# Times are microseconds since 1970 UTC; the order of `id` is the order of what happened. A row is either
# what was written of an announced record (`doc` as it was then, `was` its status before, `changed` which
# announced members are others), or an event as it was put. `gone` says that the record ended.
HAPPENED = Table(
    "event_happened",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("arn", String, nullable=False),
    Column("was", String, nullable=False),
    Column("changed", String, nullable=False),
    Column("gone", Integer, nullable=False),
    Column("doc", JSON, nullable=False),
    sqlite_autoincrement=True,
)

# One event on its way to one target. `request` is what to send as it was worked out when the event matched;
# `source` the ARN of the rule or schedule; `expires` when it is given up, `tries` and `most` how often it was
# and may be tried.
DELIVERIES = Table(
    "event_deliveries",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("source", String, nullable=False),
    Column("token", String, nullable=False),
    Column("request", JSON, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("most", Integer, nullable=False),
    sqlite_autoincrement=True,
)
Index("event_deliveries_due", DELIVERIES.c.due, DELIVERIES.c.id)

# The last time of a rule's or schedule's, by the record's uid, that was acted on.
REACHED = Table(
    "event_reached",
    metadata,
    Column("uid", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

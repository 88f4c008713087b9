"""The table of what alarms went through."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, UniqueConstraint

from clary.store.database import metadata
from clary.store.tables import BIG_KEY

# Times are milliseconds since 1970 UTC. What a deleted alarm went through stays.
HISTORY = Table(
    "alarm_history",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("alarm", String, nullable=False),
    Column("alarm_type", String, nullable=False),
    Column("key", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("summary", String, nullable=False),
    Column("data", String, nullable=False),
    UniqueConstraint("key", name="alarm_history_key"),
)
Index("alarm_history_at", HISTORY.c.account, HISTORY.c.region, HISTORY.c.at, HISTORY.c.id)

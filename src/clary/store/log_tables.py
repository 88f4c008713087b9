"""The tables of log groups, streams and events."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from clary.store.database import metadata
from clary.store.tables import BIG_KEY

# Times are milliseconds since 1970 UTC, as CloudWatch Logs counts them.
GROUPS = Table(
    "log_groups",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("retention_days", Integer),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("tags", JSON, nullable=False),
    UniqueConstraint("account", "region", "name", name="log_groups_name"),
)
STREAMS = Table(
    "log_streams",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("group_id", BigInteger, ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("first_event", BigInteger),
    Column("last_event", BigInteger),
    Column("last_ingestion", BigInteger),
    Column(
        "active", BigInteger, nullable=False
    ),  # The last event's time, or the stream's own: it is sorted by.
    Column("source_offset", BigInteger, nullable=False),
    UniqueConstraint("group_id", "name", name="log_streams_name"),
)
Index("log_streams_active", STREAMS.c.group_id, STREAMS.c.active, STREAMS.c.id)
EVENTS = Table(
    "log_events",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("group_id", BigInteger, ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("stream_id", BigInteger, ForeignKey("log_streams.id", ondelete="CASCADE"), nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("ingested", BigInteger, nullable=False),
    Column("message", String, nullable=False),
    sqlite_autoincrement=True,
)
Index("log_events_stream", EVENTS.c.stream_id, EVENTS.c.timestamp, EVENTS.c.id)
Index("log_events_group", EVENTS.c.group_id, EVENTS.c.timestamp, EVENTS.c.id)

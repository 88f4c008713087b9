"""CloudWatch Logs: groups, streams and events."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

_METADATA = MetaData()
_BIG_KEY = BigInteger().with_variant(Integer, "sqlite")

# Times are milliseconds since 1970 UTC, as CloudWatch Logs counts them.
_GROUPS = Table(
    "log_groups",
    _METADATA,
    Column("id", _BIG_KEY, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("retention_days", Integer),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("tags", JSON, nullable=False),
    UniqueConstraint("account", "region", "name", name="log_groups_name"),
)
_STREAMS = Table(
    "log_streams",
    _METADATA,
    Column("id", _BIG_KEY, primary_key=True, autoincrement=True),
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
Index("log_streams_active", _STREAMS.c.group_id, _STREAMS.c.active, _STREAMS.c.id)
_EVENTS = Table(
    "log_events",
    _METADATA,
    Column("id", _BIG_KEY, primary_key=True, autoincrement=True),
    Column("group_id", BigInteger, ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("stream_id", BigInteger, ForeignKey("log_streams.id", ondelete="CASCADE"), nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("ingested", BigInteger, nullable=False),
    Column("message", String, nullable=False),
    sqlite_autoincrement=True,
)
Index("log_events_stream", _EVENTS.c.stream_id, _EVENTS.c.timestamp, _EVENTS.c.id)
Index("log_events_group", _EVENTS.c.group_id, _EVENTS.c.timestamp, _EVENTS.c.id)


def upgrade(connection: Connection) -> None:
    """Create the tables."""
    _METADATA.create_all(connection)

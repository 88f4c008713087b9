"""What CloudWatch's alarms went through."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

_METADATA = MetaData()
_BIG_KEY = BigInteger().with_variant(Integer, "sqlite")

# Times are milliseconds since 1970 UTC.
_HISTORY = Table(
    "alarm_history",
    _METADATA,
    Column("id", _BIG_KEY, primary_key=True, autoincrement=True),
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
Index("alarm_history_at", _HISTORY.c.account, _HISTORY.c.region, _HISTORY.c.at, _HISTORY.c.id)


def upgrade(connection: Connection) -> None:
    """Create the table."""
    _METADATA.create_all(connection)

"""What has happened, what is to be delivered of it, and which times were reached."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Connection, Index, Integer, MetaData, String, Table

_METADATA = MetaData()
_KEY = BigInteger().with_variant(Integer, "sqlite")

_HAPPENED = Table(
    "event_happened",
    _METADATA,
    Column("id", _KEY, primary_key=True, autoincrement=True),
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

_DELIVERIES = Table(
    "event_deliveries",
    _METADATA,
    Column("id", _KEY, primary_key=True, autoincrement=True),
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
Index("event_deliveries_due", _DELIVERIES.c.due, _DELIVERIES.c.id)

_REACHED = Table(
    "event_reached",
    _METADATA,
    Column("uid", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


def upgrade(connection: Connection) -> None:
    """Create the tables."""
    _METADATA.create_all(connection)

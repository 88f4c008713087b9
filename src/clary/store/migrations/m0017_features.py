"""Online feature records."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Connection, Index, MetaData, String, Table

_METADATA = MetaData()

_ONLINE = Table(
    "feature_records",
    _METADATA,
    Column("feature_group", String, primary_key=True),
    Column("identifier", String, primary_key=True),
    Column("event", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("deleted", Boolean, nullable=False),
    Column("features", JSON, nullable=False),
    sqlite_with_rowid=False,
)
Index("feature_records_expires", _ONLINE.c.expires, sqlite_where=_ONLINE.c.expires.is_not(None))


def upgrade(connection: Connection) -> None:
    """Create the table."""
    _METADATA.create_all(connection)

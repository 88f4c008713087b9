"""Asynchronous invocations that wait for an answer."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

_METADATA = MetaData()

_INVOCATIONS = Table(
    "invocations",
    _METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("endpoint", String, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("leased", BigInteger, nullable=False),
    Column("owner", String),
    Column("tries", Integer, nullable=False),
    Column("request", JSON, nullable=False),
    Column("body", LargeBinary),
    sqlite_autoincrement=True,
)
Index("invocations_endpoint", _INVOCATIONS.c.endpoint, _INVOCATIONS.c.id)
Index("invocations_expires", _INVOCATIONS.c.endpoint, _INVOCATIONS.c.expires)
Index("invocations_owner", _INVOCATIONS.c.owner)


def upgrade(connection: Connection) -> None:
    """Create the table."""
    _METADATA.create_all(connection)

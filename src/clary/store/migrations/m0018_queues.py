"""Messages of queues."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Connection, Index, Integer, MetaData, String, Table

_METADATA = MetaData()


_MESSAGES = Table(
    "queue_messages",
    _METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("queue", String, nullable=False),
    Column("visible", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("received", Integer, nullable=False),
    Column("before", Integer, nullable=False),
    Column("first_received", BigInteger),
    Column("receipt", String),
    Column("message_id", String, nullable=False),
    Column("message_group", String),
    Column("body", String, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("system", JSON, nullable=False),
    sqlite_autoincrement=True,
)
Index("queue_messages_visible", _MESSAGES.c.queue, _MESSAGES.c.visible, _MESSAGES.c.id)
Index("queue_messages_order", _MESSAGES.c.queue, _MESSAGES.c.id)
Index("queue_messages_sent", _MESSAGES.c.queue, _MESSAGES.c.sent)

_DUPLICATES = Table(
    "queue_duplicates",
    _METADATA,
    Column("holder", String, primary_key=True),
    Column("message_group", String, primary_key=True),
    Column("duplicate_of", String, primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Column("message_id", String, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("queue_duplicates_expires", _DUPLICATES.c.expires)


def upgrade(connection: Connection) -> None:
    """Create the tables."""
    _METADATA.create_all(connection)

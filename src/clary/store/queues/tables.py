"""The tables of SQS's messages."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table

from clary.store.database import metadata

# Times are milliseconds since 1970 UTC, as SQS tells them. `queue` is the uid of the queue's record, `id` the
# order of sending. `visible` is when a message may be received: later than now for a delayed one, and for one
# in flight, which has a `receipt`. `received` counts in this queue, `before` in those it was moved from.
MESSAGES = Table(
    "queue_messages",
    metadata,
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
Index("queue_messages_visible", MESSAGES.c.queue, MESSAGES.c.visible, MESSAGES.c.id)
Index("queue_messages_order", MESSAGES.c.queue, MESSAGES.c.id)
Index("queue_messages_sent", MESSAGES.c.queue, MESSAGES.c.sent)

# What a FIFO queue or topic took in the last five minutes; `holder` is its record's uid.
DUPLICATES = Table(
    "queue_duplicates",
    metadata,
    Column("holder", String, primary_key=True),
    Column("message_group", String, primary_key=True),
    Column("duplicate_of", String, primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Column("message_id", String, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("queue_duplicates_expires", DUPLICATES.c.expires)

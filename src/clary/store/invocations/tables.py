"""The table of asynchronous invocations that wait for an answer."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, String, Table

from clary.store.database import metadata

# Times are milliseconds since 1970 UTC. `endpoint` is the uid of the endpoint's record, `id` the order in
# which requests were accepted. A row is somebody's while `leased` is later than now, and is deleted in the
# transaction that settles it. `tries` counts hosts that were lost while they worked on it.
INVOCATIONS = Table(
    "invocations",
    metadata,
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
Index("invocations_endpoint", INVOCATIONS.c.endpoint, INVOCATIONS.c.id)
Index("invocations_expires", INVOCATIONS.c.endpoint, INVOCATIONS.c.expires)
Index("invocations_owner", INVOCATIONS.c.owner)

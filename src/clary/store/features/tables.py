"""The table of online feature records."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, String, Table

from clary.store.database import metadata

# Times are microseconds since 1970 UTC; an event time may lie far from now. `feature_group` is the uid of the
# group's record. `expires` is null for what is kept for good.
ONLINE = Table(
    "feature_records",
    metadata,
    Column("feature_group", String, primary_key=True),
    Column("identifier", String, primary_key=True),
    Column("event", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("deleted", Boolean, nullable=False),
    Column("features", JSON, nullable=False),
    sqlite_with_rowid=False,
)
Index("feature_records_expires", ONLINE.c.expires, sqlite_where=ONLINE.c.expires.is_not(None))

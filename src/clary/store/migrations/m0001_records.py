"""Records, their changes, and the store's own secrets."""

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
    UniqueConstraint,
    text,
)

_METADATA = MetaData()
_BIG_KEY = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only a plain INTEGER primary key.

# Times are microseconds since 1970 UTC: they compare, index and page alike everywhere.
_RECORDS = Table(
    "records",
    _METADATA,
    Column("id", _BIG_KEY, primary_key=True, autoincrement=True),
    Column("uid", String, nullable=False, unique=True),
    Column("scope", BigInteger, nullable=False),
    Column("service", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("key", String, nullable=False),
    Column("name", String, nullable=False),
    Column("arn", String, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("status_since", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("lease_owner", String),
    Column("lease_until", BigInteger),
    Column("doc", JSON, nullable=False),
    UniqueConstraint("scope", "key", name="records_key"),
    sqlite_autoincrement=True,  # An id is never given twice: `name_search` asks for what came after one.
)
# Each listing index starts with the order of one SortBy and carries what List filters test, so that a filter
# that matches little reads the index only.
Index("records_created", *(_RECORDS.c[n] for n in ("scope", "created", "id", "name", "status", "modified")))
Index("records_modified", *(_RECORDS.c[n] for n in ("scope", "modified", "id", "name", "status", "created")))
Index("records_name", *(_RECORDS.c[n] for n in ("scope", "name", "id", "status", "created", "modified")))
Index("records_status", *(_RECORDS.c[n] for n in ("scope", "status", "created", "id", "name", "modified")))
Index("records_arn", _RECORDS.c.arn)
Index(
    "records_due",
    _RECORDS.c.due,
    sqlite_where=text("due IS NOT NULL"),
    postgresql_where=text("due IS NOT NULL"),
)

Table(
    "changes",
    _METADATA,
    Column("scope", BigInteger, primary_key=True, autoincrement=False),
    Column("service", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("generation", BigInteger, nullable=False),
)

Table(
    "secrets",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)


def upgrade(connection: Connection) -> None:
    """Create the tables."""
    _METADATA.create_all(connection)

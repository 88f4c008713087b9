"""The tables of records, their changes, and the store's own secrets."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from clary.store.database import metadata

BIG_KEY = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only a plain INTEGER primary key.

# Times are microseconds since 1970 UTC: they compare, index and page alike everywhere.
RECORDS = Table(
    "records",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
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
Index("records_created", *(RECORDS.c[n] for n in ("scope", "created", "id", "name", "status", "modified")))
Index("records_modified", *(RECORDS.c[n] for n in ("scope", "modified", "id", "name", "status", "created")))
Index("records_name", *(RECORDS.c[n] for n in ("scope", "name", "id", "status", "created", "modified")))
Index("records_status", *(RECORDS.c[n] for n in ("scope", "status", "created", "id", "name", "modified")))
Index("records_arn", RECORDS.c.arn)
Index(
    "records_due",
    RECORDS.c.due,
    sqlite_where=text("due IS NOT NULL"),
    postgresql_where=text("due IS NOT NULL"),
)

CHANGES = Table(
    "changes",
    metadata,
    Column("scope", BigInteger, primary_key=True, autoincrement=False),
    Column("service", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("generation", BigInteger, nullable=False),
)

SECRETS = Table(
    "secrets",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

"""Versions of objects, and small contents whose files are not known to be on disk yet."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

_METADATA = MetaData()
_VERSIONS = Table(
    "s3_versions",
    _METADATA,
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("rank", BigInteger, primary_key=True, autoincrement=False),
    Column("version", String(32)),
    Column("marker", Integer, nullable=False),
    Column("content", String(32)),
    Column("size", BigInteger, nullable=False),
    Column("etag", String, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("checksum", Text),
    Column("attributes", Text, nullable=False),
    Column("parts", Text),
    sqlite_with_rowid=False,
)
Index("s3_versions_content", _VERSIONS.c.content)

Table(
    "s3_fresh",
    _METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("content", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)


def upgrade(connection: Connection) -> None:
    """Create the tables, and tell each object which version it is."""
    _METADATA.create_all(connection)
    connection.exec_driver_sql("ALTER TABLE s3_objects ADD COLUMN version VARCHAR(32)")
    connection.exec_driver_sql("ALTER TABLE s3_objects ADD COLUMN rank BIGINT")

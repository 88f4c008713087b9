"""Buckets, objects, uploads and their parts."""

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
    Text,
)

_METADATA = MetaData()
Table(
    "s3_buckets",
    _METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("account", String(12), nullable=False),
    Column("region", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("settings", JSON, nullable=False),
    sqlite_autoincrement=True,  # A bucket's id is never given to another one: parts of a dead one may linger.
)

_OBJECTS = Table(
    "s3_objects",
    _METADATA,
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("content", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", String, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("checksum", Text),
    Column("attributes", Text, nullable=False),
    Column("parts", Text),
    sqlite_with_rowid=False,
)
Index("s3_objects_content", _OBJECTS.c.content)

Table(
    "s3_uploads",
    _METADATA,
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("initiated", BigInteger, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("algorithm", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("named", Integer, nullable=False),
    Column("finished", BigInteger),
    Column("result", JSON(none_as_null=True)),
    sqlite_with_rowid=False,
)

_PARTS = Table(
    "s3_parts",
    _METADATA,
    Column("upload", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", String, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
Index("s3_parts_content", _PARTS.c.content)

Table(
    "s3_garbage",
    _METADATA,
    Column("content", String(32), primary_key=True),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


def upgrade(connection: Connection) -> None:
    """Create the tables."""
    _METADATA.create_all(connection)

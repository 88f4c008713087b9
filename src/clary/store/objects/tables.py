"""The tables of buckets, objects and uploads. Keys are bytes, so every database compares them bytewise."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from clary.store.database import metadata
from clary.store.tables import BIG_KEY

# Times are microseconds since 1970 UTC, as everywhere in the store.
BUCKETS = Table(
    "s3_buckets",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("account", String(12), nullable=False),
    Column("region", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("settings", JSON, nullable=False),
    sqlite_autoincrement=True,  # A bucket's id is never given to another one: parts of a dead one may linger.
)

# A listing is a range scan of the primary key; nothing else is read for it. What is text here `index` decodes
# for rows that are answered only: a row stepped over costs little.
OBJECTS = Table(
    "s3_objects",
    metadata,
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("content", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", String, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("checksum", Text),
    Column("attributes", Text, nullable=False),
    Column("parts", Text),
    Column("version", String(32)),
    Column("rank", BigInteger),
    sqlite_with_rowid=False,
)
Index("s3_objects_content", OBJECTS.c.content)

# What a key held before, and what marks it as deleted; the newest of a key has the least `rank`. A version
# that is None is the one called `null`. An object in OBJECTS is newer than all versions of its key here.
VERSIONS = Table(
    "s3_versions",
    metadata,
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
Index("s3_versions_content", VERSIONS.c.content)

# Small contents as they were acknowledged, until their files are known to be on disk (`fresh`).
FRESH = Table(
    "s3_fresh",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("content", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # An id is never given again: who settles up to one must not meet a newer row.
)

# A finished upload stays a while with its `result`, so that completing it again answers the same.
UPLOADS = Table(
    "s3_uploads",
    metadata,
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

PARTS = Table(
    "s3_parts",
    metadata,
    Column("upload", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", String, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
Index("s3_parts_content", PARTS.c.content)

# Content that no row names any more, and since when: unlinked once nobody can still be about to open it.
GARBAGE = Table(
    "s3_garbage",
    metadata,
    Column("content", String(32), primary_key=True),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

"""The tables of the search index: what records hold, by name and value."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Double, String, Table

from clary.store.database import metadata

# `path` is a hash of scope and name (`search_terms.path_of`), `record` a record's id, `item` tells the
# elements of lists apart. The key is the whole row: one tree a table, in the order in which it is asked.
TEXTS = Table(
    "search_texts",
    metadata,
    Column("path", BigInteger, primary_key=True, autoincrement=False),
    Column("value", String, primary_key=True),
    Column("record", BigInteger, primary_key=True, autoincrement=False),
    Column("item", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

NUMBERS = Table(
    "search_numbers",
    metadata,
    Column("path", BigInteger, primary_key=True, autoincrement=False),
    Column("value", Double, primary_key=True),
    Column("record", BigInteger, primary_key=True, autoincrement=False),
    Column("item", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

PATHS = Table(
    "search_paths",
    metadata,
    Column("scope", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String, primary_key=True),
    Column("path", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Records written since they were last indexed, and how they were then; `was` is NULL for a new one.
PENDING = Table(
    "search_pending",
    metadata,
    Column("scope", BigInteger, primary_key=True, autoincrement=False),
    Column("record", BigInteger, primary_key=True, autoincrement=False),
    Column("service", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("was", JSON(none_as_null=True)),
    sqlite_with_rowid=False,
)

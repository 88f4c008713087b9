"""The search index. Records that are there already are indexed when they are first searched."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Connection, Double, MetaData, String, Table, text

_METADATA = MetaData()

for _name, _type in (("search_texts", String), ("search_numbers", Double)):
    Table(
        _name,
        _METADATA,
        Column("path", BigInteger, primary_key=True, autoincrement=False),
        Column("value", _type, primary_key=True),
        Column("record", BigInteger, primary_key=True, autoincrement=False),
        Column("item", BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )

Table(
    "search_paths",
    _METADATA,
    Column("scope", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String, primary_key=True),
    Column("path", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

Table(
    "search_pending",
    _METADATA,
    Column("scope", BigInteger, primary_key=True, autoincrement=False),
    Column("record", BigInteger, primary_key=True, autoincrement=False),
    Column("service", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("was", JSON(none_as_null=True)),
    sqlite_with_rowid=False,
)


def upgrade(connection: Connection) -> None:
    """Create the tables, and note every record as not yet indexed."""
    _METADATA.create_all(connection)
    connection.execute(
        text(
            "INSERT INTO search_pending (scope, record, service, kind) "
            "SELECT scope, id, service, kind FROM records WHERE service = 'sagemaker'"
        )
    )

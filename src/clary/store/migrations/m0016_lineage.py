"""The lineage graph, and the note that every record there is has a lineage yet to be followed."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

_METADATA = MetaData()
_BIG_KEY = BigInteger().with_variant(Integer, "sqlite")

Table("records", _METADATA, Column("id", _BIG_KEY, primary_key=True))  # made by the first migration

_EDGES = Table(
    "lineage_edges",
    _METADATA,
    Column("id", _BIG_KEY, primary_key=True, autoincrement=True),
    Column("scope", BigInteger, nullable=False),
    Column("source", BigInteger, ForeignKey("records.id", ondelete="CASCADE"), nullable=False),
    Column("destination", BigInteger, ForeignKey("records.id", ondelete="CASCADE"), nullable=False),
    Column("type", String, nullable=False),
    Column("source_type", String, nullable=False),
    Column("source_kind", String, nullable=False),
    Column("destination_type", String, nullable=False),
    Column("destination_kind", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("created_by", JSON(none_as_null=True)),
    UniqueConstraint("source", "destination", name="lineage_edges_key"),
)
Index("lineage_edges_down", *(_EDGES.c[n] for n in ("source", "destination", "type")))
Index("lineage_edges_up", *(_EDGES.c[n] for n in ("destination", "source", "type")))
Index("lineage_edges_created", _EDGES.c.scope, _EDGES.c.created, _EDGES.c.id)

_FOLLOWED = Table(
    "lineage_followed",
    _METADATA,
    Column("uid", String, primary_key=True),
    Column("was", JSON(none_as_null=True)),
    sqlite_with_rowid=False,
)

_MEASURED = Table(
    "lineage_measured",
    _METADATA,
    Column("subject", String, primary_key=True),
    sqlite_with_rowid=False,
)


def upgrade(connection: Connection) -> None:
    """Create the tables; what ran before this migration gets its lineage as well."""
    _METADATA.create_all(connection)
    connection.execute(
        text(
            "INSERT INTO lineage_followed (uid) SELECT uid FROM records "
            "WHERE service = 'sagemaker' AND kind IN ('TrainingJob', 'Model', 'Endpoint')"
        )
    )

"""The tables of associations, and of records whose lineage has yet to be followed."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, String, Table, UniqueConstraint

from clary.store.database import metadata
from clary.store.tables import BIG_KEY

# Both ends are ids of records, of whatever account. `type` is "" where the caller named none; the ends' types
# are kept because entities never change theirs. Both directions are answered from an index alone.
EDGES = Table(
    "lineage_edges",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
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
Index("lineage_edges_down", *(EDGES.c[n] for n in ("source", "destination", "type")))
Index("lineage_edges_up", *(EDGES.c[n] for n in ("destination", "source", "type")))
Index("lineage_edges_created", EDGES.c.scope, EDGES.c.created, EDGES.c.id)

# A row says that a record of this uid was written since its lineage was last followed; `was` is how it was
# when it was deleted meanwhile.
FOLLOWED = Table(
    "lineage_followed",
    metadata,
    Column("uid", String, primary_key=True),
    Column("was", JSON(none_as_null=True)),
    sqlite_with_rowid=False,
)

# ARNs, in lower case, of trial components that metrics came in for since they were last summed up.
MEASURED = Table(
    "lineage_measured",
    metadata,
    Column("subject", String, primary_key=True),
    sqlite_with_rowid=False,
)

"""Metric series and the chunks that hold their points."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

_METADATA = MetaData()
_BIG_KEY = BigInteger().with_variant(Integer, "sqlite")

# Times are milliseconds since 1970 UTC.
_SERIES = Table(
    "metric_series",
    _METADATA,
    Column("id", _BIG_KEY, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("space", String, nullable=False),
    Column("name", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("resolution", Integer, nullable=False),
    Column("active", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("mean", Float, nullable=False),
    Column("spread", Float, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Column("last_value", Float, nullable=False),
    UniqueConstraint(
        "account", "region", "space", "name", "subject", "unit", "resolution", name="metric_series_key"
    ),
    sqlite_autoincrement=True,  # An id is never given twice: writers remember them.
)
Index("metric_series_subject", _SERIES.c.account, _SERIES.c.region, _SERIES.c.subject)

_CHUNKS = Table(
    "metric_chunks",
    _METADATA,
    Column("id", _BIG_KEY, primary_key=True, autoincrement=True),
    Column("series_id", BigInteger, ForeignKey("metric_series.id", ondelete="CASCADE"), nullable=False),
    Column("level", Integer, nullable=False),
    Column("layout", String, nullable=False),
    Column("points", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
Index("metric_chunks_series", *(_CHUNKS.c[n] for n in ("series_id", "level", "first", "last")))


def upgrade(connection: Connection) -> None:
    """Create the tables."""
    _METADATA.create_all(connection)

"""The tables of metric series and of the chunks that hold their points."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from clary.store.database import metadata
from clary.store.tables import BIG_KEY

# Times are milliseconds since 1970 UTC. `space` is CloudWatch's namespace, or `:sagemaker`, which none can
# be. `subject` is the dimensions there and a resource ARN here. `spread` is the sum of squares
# away from `mean`; `active` is when the last point came in, `last_time` what time it was given.
SERIES = Table(
    "metric_series",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
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
Index("metric_series_subject", SERIES.c.account, SERIES.c.region, SERIES.c.subject)

# `level` says how often the points were joined into a larger chunk. Chunks of one series may overlap in time.
CHUNKS = Table(
    "metric_chunks",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("series_id", BigInteger, ForeignKey("metric_series.id", ondelete="CASCADE"), nullable=False),
    Column("level", Integer, nullable=False),
    Column("layout", String, nullable=False),
    Column("points", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
Index("metric_chunks_series", *(CHUNKS.c[n] for n in ("series_id", "level", "first", "last")))

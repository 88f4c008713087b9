"""Records that have tags, of every kind: read in the order they were made, so that a page costs a page."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, select

from clary.store.record import COLUMNS, Record, from_row
from clary.store.records import GLOBAL_SERVICES, Records
from clary.store.tables import RECORDS

_BATCH = 200


def tagged(records: Records, after: int = 0) -> Iterator[tuple[int, Record]]:
    """Yield the tagged records of an account and region behind a position, each with its own position."""
    tags = RECORDS.c.doc["Tags"].as_string()
    mine = and_(
        RECORDS.c.account == records.account,
        RECORDS.c.region == records.region,
        RECORDS.c.service.not_in(GLOBAL_SERVICES),
        tags.is_not(None),
        tags.not_in(("[]", "{}", "null")),
    )
    while True:
        statement = select(RECORDS.c.id, *COLUMNS).where(mine, RECORDS.c.id > after)
        with records.database.read() as connection:
            rows = connection.execute(statement.order_by(RECORDS.c.id).limit(_BATCH)).all()
        for row in rows:
            yield row.id, from_row(row._mapping)
        if len(rows) < _BATCH:
            return
        after = rows[-1].id

"""Documents survive being written down, whatever maps of their own users put into them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clary.core.document import Document, dumps, loads

NOON = datetime(2026, 11, 23, 12, 0, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "document",
    [
        {"At": NOON, "Blob": b"\x00\xff"},
        {"HyperParameters": {"$time": "soon"}},
        {"HyperParameters": {"$bytes": "zz"}, "At": NOON},
        {"HyperParameters": {"$$time": "soon"}, "Other": {"$": "x"}, "Deep": [{"$time": {"$bytes": "q"}}]},
        {"Text": '{"$time":"2026-01-01"}'},
        {},
        {"$a": NOON, "b": 1},
    ],
)
def test_what_is_written_is_read_back(document: Document) -> None:
    assert loads(dumps(document)) == document

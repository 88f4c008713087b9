"""Conditional requests, as a table."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.store.objects.opened import NOON

from clary.core.errors import ApiError
from clary.store.objects.conditions import Reading, Writing

ETAG = "5d41402abc4b2a76b9719d911017c592"
BEFORE, AFTER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
NOW = NOON + timedelta(hours=2)

READS = [
    (Reading(), 200),
    (Reading(if_match=f'"{ETAG}"'), 200),
    (Reading(if_match=ETAG), 200),
    (Reading(if_match="*"), 200),
    (Reading(if_match=f'"x", "{ETAG}"'), 200),
    (Reading(if_match='"x"'), 412),
    (Reading(if_none_match=f'"{ETAG}"'), 304),
    (Reading(if_none_match="*"), 304),
    (Reading(if_none_match='"x"'), 200),
    (Reading(if_modified_since=BEFORE), 200),
    (Reading(if_modified_since=NOON), 304),
    (Reading(if_modified_since=AFTER), 304),
    (Reading(if_modified_since=NOW + timedelta(days=1)), 200),
    (Reading(if_unmodified_since=BEFORE), 412),
    (Reading(if_unmodified_since=NOON), 200),
    (Reading(if_match=f'"{ETAG}"', if_unmodified_since=BEFORE), 200),
    (Reading(if_none_match='"x"', if_modified_since=AFTER), 200),
    (Reading(if_none_match=f'"{ETAG}"', if_modified_since=BEFORE), 304),
    (Reading(if_match='"x"', if_none_match=f'"{ETAG}"'), 412),
]
THERE = (ETAG, 5, NOON)
WRITES = [
    (Writing(), THERE, 200),
    (Writing(), None, 200),
    (Writing(if_none_match="*"), None, 200),
    (Writing(if_none_match="*"), THERE, 412),
    (Writing(if_none_match='"x"'), THERE, 501),
    (Writing(if_match=f'"{ETAG}"'), THERE, 200),
    (Writing(if_match="*"), THERE, 200),
    (Writing(if_match='"x"'), THERE, 412),
    (Writing(if_match='"x"'), None, 404),
    (Writing(size=5), THERE, 200),
    (Writing(size=6), THERE, 412),
    (Writing(modified=NOON), THERE, 200),
    (Writing(modified=AFTER), THERE, 412),
]


@pytest.mark.parametrize(("conditions", "status"), READS)
def test_a_read_is_answered_by_its_conditions(conditions: Reading, status: int) -> None:
    assert _status(lambda: conditions.check(ETAG, NOON, NOW)) == status


@pytest.mark.parametrize(("conditions", "status"), READS)
def test_a_copy_source_that_would_be_304_is_412(conditions: Reading, status: int) -> None:
    assert _status(lambda: conditions.check_source(ETAG, NOON, NOW)) == (412 if status == 304 else status)


@pytest.mark.parametrize(("conditions", "present", "status"), WRITES)
def test_a_write_is_answered_by_its_conditions(
    conditions: Writing, present: tuple[str, int, object] | None, status: int
) -> None:
    assert _status(lambda: conditions.check("k", present)) == status  # type: ignore[arg-type]  # a table's row


def _status(check: object) -> int:
    try:
        check()  # type: ignore[operator]  # always a lambda of ours
    except ApiError as error:
        return error.status
    return 200

"""The table of online records: newest by identifier, in order, gone when expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.databases import opened

from clary.core.clock import StoppedClock
from clary.store.database import Database
from clary.store.features import OnlineStore, Stored
from clary.store.times import micros

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return opened(tmp_path / "clary.db")


@pytest.fixture
def online(database: Database, clock: StoppedClock) -> OnlineStore:
    return OnlineStore(database, clock, "group")


def stored(identifier: str, event: int = 1, **members: object) -> Stored:
    return Stored(identifier=identifier, event=event, features={"id": identifier}, **members)  # type: ignore[arg-type]


def test_a_record_takes_the_place_of_the_one_before_it(online: OnlineStore) -> None:
    online.put(stored("a", 1))
    online.put(stored("a", 2, deleted=True))
    found = online.find("a")
    assert found is not None and (found.event, found.deleted) == (2, True)
    online.remove("a")
    assert online.find("a") is None


def test_groups_do_not_see_each_other(online: OnlineStore, database: Database, clock: StoppedClock) -> None:
    other = OnlineStore(database, clock, "other")
    online.put(stored("a"))
    assert other.find("a") is None
    other.clear()
    assert online.find("a") is not None


def test_identifiers_come_in_order_and_whatever_they_are(online: OnlineStore) -> None:
    odd = ["", "a", "ab", "é", "\U0001f600", "../x", "a'b"]
    for identifier in odd[1:]:
        online.put(stored(identifier))
    online.put(stored("gone", deleted=True))
    assert online.page("", 10, deleted=False) == sorted(odd[1:], key=lambda text: text.encode())
    assert "gone" in online.page("", 10, deleted=True)
    assert online.page("ab", 1, deleted=False) == ["é"]


def test_what_has_expired_is_gone_before_it_is_swept(
    online: OnlineStore, database: Database, clock: StoppedClock
) -> None:
    online.put(stored("a", expires=micros(NOON + timedelta(seconds=1))))
    assert online.find("a") is not None
    clock.at += timedelta(seconds=1)
    assert online.find("a") is None and online.page("", 10, deleted=True) == []
    online.sweep()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM feature_records").scalar() == 0

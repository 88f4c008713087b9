"""The queue of asynchronous invocations on one file: in order, one owner at a time, nothing lost."""

from __future__ import annotations

from pathlib import Path

from tests.databases import opened

from clary.store.database import Database
from clary.store.invocations import queue
from clary.store.invocations.queue import LEASE, Backlog, Invocations

NOON = 1_700_000_000_000


def add(database: Database, endpoint: str, name: str, received: int = NOON, ttl: int = 60_000) -> None:
    with database.write() as connection:
        queue.add(connection, endpoint, {"n": name}, received=received, expires=received + ttl, body=None)


def names(claimed: list[queue.Accepted]) -> list[str]:
    return [each.request["n"] for each in claimed]


def test_requests_are_claimed_in_order_and_by_one_at_a_time(tmp_path: Path) -> None:
    database = opened(tmp_path / "clary.db")
    for name in "abc":
        add(database, "e", name)
    one, other = Invocations(database, "one"), Invocations(database, "other")
    assert names(one.claim("e", 2, NOON)) == ["a", "b"]
    assert names(other.claim("e", 2, NOON)) == ["c"]
    assert other.claim("e", 2, NOON) == []
    assert one.backlog("e") == Backlog(3, NOON)


def test_a_claim_that_is_not_renewed_runs_out_and_its_owner_cannot_settle(tmp_path: Path) -> None:
    database = opened(tmp_path / "clary.db")
    add(database, "e", "a", ttl=10 * LEASE)
    one, other = Invocations(database, "one"), Invocations(database, "other")
    [mine] = one.claim("e", 1, NOON)
    one.renew([mine.id], NOON + LEASE - 1)
    assert other.claim("e", 1, NOON + LEASE) == []
    [theirs] = other.claim("e", 1, NOON + 2 * LEASE)
    with database.write() as connection:
        assert not one.settled(connection, mine.id)
        assert other.settled(connection, theirs.id)
        assert not other.settled(connection, theirs.id)
    assert one.backlog("e").size == 0


def test_what_a_dead_owner_had_is_anybodys(tmp_path: Path) -> None:
    database = opened(tmp_path / "clary.db")
    add(database, "e", "a")
    Invocations(database, "host_a-1").claim("e", 1, NOON)
    other = Invocations(database, "host_a-2")
    assert other.disown("host_b-") == 0
    assert other.disown("host_a-") == 1
    assert names(other.claim("e", 1, NOON)) == ["a"]


def test_a_request_that_is_given_back_knows_its_tries(tmp_path: Path) -> None:
    database = opened(tmp_path / "clary.db")
    add(database, "e", "a")
    mine = Invocations(database, "one")
    for tried, tries in ((True, 1), (False, 1), (True, 2)):
        [one] = mine.claim("e", 1, NOON)
        mine.give_back(one.id, tried=tried)
        [again] = mine.claim("e", 1, NOON)
        assert again.tries == tries
        mine.give_back(again.id, tried=False)


def test_requests_that_are_too_old_are_claimed_as_such(tmp_path: Path) -> None:
    database = opened(tmp_path / "clary.db")
    add(database, "e", "old", ttl=1_000)
    add(database, "e", "new")
    mine = Invocations(database, "one")
    assert names(mine.claim_expired("e", 9, NOON + 1_000)) == ["old"]
    assert names(mine.claim("e", 9, NOON + 1_000)) == ["new"]


def test_endpoints_with_requests_are_found_whatever_the_others_have(tmp_path: Path) -> None:
    database = opened(tmp_path / "clary.db")
    mine = Invocations(database, "one")
    assert list(mine.endpoints()) == []
    for endpoint in ("b", "a", "b", "c"):
        add(database, endpoint, "x")
    assert list(mine.endpoints()) == ["a", "b", "c"]
    mine.drop("b")
    assert list(mine.endpoints()) == ["a", "c"]

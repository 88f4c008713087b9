"""Records: names, versions, leases."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from tests.databases import opened
from tests.store.opened import ACCOUNT, NOON, REGION, job, records

from clary.core.clock import StoppedClock
from clary.core.errors import ApiError, Moved
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.changes import Changes
from clary.store.claims import claims
from clary.store.records import Records

LEASE = timedelta(seconds=10)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
def store(tmp_path: Path, clock: StoppedClock) -> Records:
    return records(tmp_path, clock)


def test_a_record_comes_back_as_it_was_stored(store: Records) -> None:
    made = job(store, "a", Blob=b"\x00\xff", HyperParameters={"eta": "0.1"})
    assert store.find(TRAINING_JOB, "a") == made
    assert store.by_uid(made.uid) == made
    assert store.by_arn(f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/a") == made
    assert made.doc["TrainingJobStatus"] == "InProgress"
    assert made.doc["CreationTime"] == NOON
    assert made.doc["Blob"] == b"\x00\xff"


def test_a_taken_name_is_a_conflict_in_the_words_of_aws(store: Records) -> None:
    job(store, "a")
    with pytest.raises(ApiError, match="Training job names must be unique") as refused:
        job(store, "a")
    assert refused.value.code == "ResourceInUse"


def test_names_that_differ_in_case_share_one_endpoint_arn(store: Records) -> None:
    store.create(ENDPOINT, {"EndpointName": "Demo"})
    with pytest.raises(ApiError, match="already existing endpoint"):
        store.create(ENDPOINT, {"EndpointName": "demo"})


def test_accounts_and_regions_do_not_see_each_other(store: Records) -> None:
    job(store, "a")
    elsewhere = store.scoped(ACCOUNT, "eu-west-1")
    assert elsewhere.find(TRAINING_JOB, "a") is None
    job(elsewhere, "a")
    assert len(list(store.each(TRAINING_JOB))) == 1
    assert len(list(Records(store.database, store.clock).each(TRAINING_JOB))) == 2


def test_a_write_over_an_old_version_is_refused(store: Records) -> None:
    first = job(store, "a")
    second = store.update(first, {"TrainingJobStatus": "Stopping"})
    assert second.version == 2
    with pytest.raises(Moved):
        store.update(first, {"TrainingJobStatus": "Completed"})
    with pytest.raises(Moved):
        store.delete(first)
    assert store.find(TRAINING_JOB, "a") == second


def test_status_since_moves_only_with_the_status(store: Records, clock: StoppedClock) -> None:
    made = job(store, "a")
    clock.at += timedelta(seconds=5)
    touched = store.update(made, {"SecondaryStatus": "Training"})
    assert (touched.status_since, touched.modified) == (NOON, clock.at)
    moved = store.update(touched, {"TrainingJobStatus": "Stopping"})
    assert (moved.status, moved.status_since) == ("Stopping", clock.at)
    untouched = store.update(moved, {"Tags": []}, touch=False)
    assert untouched.modified == moved.modified


def test_members_can_be_taken_away(store: Records) -> None:
    made = store.update(job(store, "a", FailureReason="x"), {}, remove=["FailureReason"])
    assert "FailureReason" not in made.doc


def test_a_claimed_record_is_nobody_elses_until_the_lease_ends(store: Records, clock: StoppedClock) -> None:
    job(store, "a")
    assert [r.key for r in store.claim([TRAINING_JOB], "one", lease=LEASE, limit=5)] == ["a"]
    assert store.claim([TRAINING_JOB], "two", lease=LEASE, limit=5) == []
    clock.at += LEASE
    [taken] = store.claim([TRAINING_JOB], "two", lease=LEASE, limit=5)
    with pytest.raises(Moved):
        store.settle(taken, "one", {"SecondaryStatus": "Training"}, due=None)
    store.settle(taken, "two", {"SecondaryStatus": "Training"}, due=None)


def test_who_was_heard_of_comes_first_and_nobody_twice(store: Records, clock: StoppedClock) -> None:
    made = [job(store, name) for name in "abcd"]
    later = store.update(made[3], {"SecondaryStatus": "Training"}, due=clock.at + timedelta(hours=1))
    settled = store.update(made[2], {"SecondaryStatus": "Training"}, due=None)
    hurry = {later.uid, settled.uid, made[1].uid, "nobody"}
    taken = store.claim([TRAINING_JOB], "one", lease=LEASE, limit=3, hurry=hurry)
    assert (sorted(r.key for r in taken[:2]), [r.key for r in taken[2:]]) == (["b", "d"], ["a"])
    assert store.claim([TRAINING_JOB], "two", lease=LEASE, limit=3, hurry=hurry) == []


def test_claims_of_the_same_kinds_are_the_same_statements() -> None:
    assert claims(TRAINING_JOB, ENDPOINT) is claims(TRAINING_JOB, ENDPOINT)


def test_settling_says_when_to_look_again_and_gives_the_lease_back(
    store: Records, clock: StoppedClock
) -> None:
    job(store, "a")
    [mine] = store.claim([TRAINING_JOB], "one", lease=LEASE, limit=5)
    settled = store.settle(mine, "one", {}, due=clock.at + timedelta(seconds=1))
    assert settled.version == mine.version
    assert store.claim([TRAINING_JOB], "two", lease=LEASE, limit=5) == []
    clock.at += timedelta(seconds=1)
    assert len(store.claim([TRAINING_JOB], "two", lease=LEASE, limit=5)) == 1


def test_a_record_that_moved_under_its_claim_is_looked_at_again_at_once(store: Records) -> None:
    made = job(store, "a")
    [mine] = store.claim([TRAINING_JOB], "one", lease=LEASE, limit=5)
    store.update(made, {"TrainingJobStatus": "Stopping"}, due=store.clock.now())
    with pytest.raises(Moved):
        store.settle(mine, "one", {}, due=None)
    [again] = store.claim([TRAINING_JOB], "one", lease=LEASE, limit=5)
    assert again.status == "Stopping"


def test_a_kind_nobody_asked_for_is_not_claimed(store: Records) -> None:
    job(store, "a")
    assert store.claim([ENDPOINT], "one", lease=LEASE, limit=5) == []


def test_the_leases_of_the_dead_can_be_ended(store: Records) -> None:
    job(store, "a")
    store.claim([TRAINING_JOB], "host/1", lease=LEASE, limit=5)
    assert store.disown("host/") == 1
    assert len(store.claim([TRAINING_JOB], "host/2", lease=LEASE, limit=5)) == 1


def test_a_generation_grows_with_every_write_of_its_kind_and_no_other(store: Records, tmp_path: Path) -> None:
    changes = Changes(opened(tmp_path / "clary.db"))
    before = changes.generation(TRAINING_JOB)
    made = job(store, "a")
    created = changes.generation(TRAINING_JOB)
    store.delete(store.update(made, {"SecondaryStatus": "Training"}))
    assert before < created < changes.generation(TRAINING_JOB)
    assert changes.generation(ENDPOINT) == 0


def test_no_statement_scans_the_table_or_sorts(store: Records) -> None:
    plans: list[str] = []

    def note(
        conn: object, cursor: object, statement: str, parameters: object, context: object, many: bool
    ) -> None:
        if "records" in statement and not statement.startswith(("EXPLAIN", "INSERT")):
            plan = explaining.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()  # type: ignore[arg-type]
            plans.extend(f"{row[3]} <- {statement}" for row in plan)

    made = job(store, "a")
    with sqlite3.connect(store.database.path) as explaining:
        event.listen(store.database.engine, "before_cursor_execute", note)
        made = store.update(made, {"FailureReason": "x"}, due=NOON)
        store.create(ENDPOINT, {"EndpointName": "e"})
        store.by_arn(made.arn), store.by_uid(made.uid), list(store.each(TRAINING_JOB))
        [mine] = store.claim([TRAINING_JOB, ENDPOINT], "one", lease=LEASE, limit=5, hurry=[made.uid, "other"])
        store.renew(mine, "one", lease=LEASE)
        store.delete(store.settle(mine, "one", {}, due=None))
    assert len(plans) >= 10
    assert [plan for plan in plans if "SCAN records" in plan] == []
    # What is due is sorted, being little; a kind's records, being many, are not.
    assert [plan for plan in plans if "TEMP B-TREE" in plan and "ORDER BY records.due" not in plan] == []


def test_a_write_inside_a_write_joins_it(store: Records) -> None:
    with pytest.raises(RuntimeError), store.database.write():
        job(store, "a")
        raise RuntimeError("after the record was created")
    assert store.find(TRAINING_JOB, "a") is None

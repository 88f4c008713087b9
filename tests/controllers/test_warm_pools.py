"""Warm pools: retained at a job's end, handed over once, over in the end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.test_training_decisions import NOON, STARTED, ended, job
from tests.controllers.test_training_job import REQUEST, tend
from tests.controllers.worlds import LEASE_OVER, DyingRecords, Killed, World

from clary.controllers.training import warm_pool
from clary.controllers.training.training_job import World as Seen
from clary.controllers.training.training_job import next_step
from clary.controllers.training.training_job_world import TrainingJobs
from clary.core.document import Document
from clary.resources.training.training_job import TRAINING_JOB
from clary.runtime import spec
from clary.store.records import Record

KEPT: Document = {
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "KeepAlivePeriodInSeconds": 60}
}
IN_USE: Document = {"WarmPoolStatus": {"Status": "InUse"}}
WRITES = 7  # of the job that takes a pool, see the test


@pytest.mark.parametrize(
    ("members", "world", "status"),
    [
        (KEPT, ended(0), "Available"),
        (KEPT, ended(1, failure="ValueError: x"), "Available"),
        ({}, ended(0), "Terminated"),  # it took another's pool and keeps none itself
        (KEPT, ended(1, failure="InternalServerError: x"), "Terminated"),
        (KEPT, ended(1, started=None, failure="no such image"), "Terminated"),
    ],
)
def test_a_pool_is_retained_unless_nobody_but_the_server_is_to_blame(
    members: Document, world: Seen, status: str
) -> None:
    write = next_step(job(**IN_USE, **members), world, NOON).write
    assert write["WarmPoolStatus"] == {"Status": status, "ResourceRetainedBillableTimeInSeconds": 0}
    assert ("_PoolSince" in write) == (status == "Available")


def test_a_job_that_asked_for_no_pool_has_none() -> None:
    assert "WarmPoolStatus" not in next_step(job(), ended(0), NOON).write


def test_an_available_pool_ends_when_its_time_is_over() -> None:
    there = {**KEPT, "TrainingJobStatus": "Completed", "_PoolSince": NOON}
    there["WarmPoolStatus"] = {"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 0}
    early = next_step(job(**there), Seen(), NOON + timedelta(seconds=20))
    assert (early.write, early.again) == ({}, timedelta(seconds=40))
    over = next_step(job(**there), Seen(), NOON + timedelta(seconds=60))
    assert over.write["WarmPoolStatus"] == {
        "Status": "Terminated",
        "ResourceRetainedBillableTimeInSeconds": 60,
    }
    assert over.again is None


def test_a_pool_set_to_nothing_by_its_owner_ends_at_once() -> None:
    there = {"TrainingJobStatus": "Completed", "_PoolSince": NOON, "WarmPoolStatus": {"Status": "Available"}}
    over = next_step(job(**there), Seen(run=spec.Seen()), NOON + timedelta(seconds=5))
    assert over.write["WarmPoolStatus"]["Status"] == "Terminated"


@pytest.mark.parametrize(
    ("changes", "matching"),
    [
        ({}, True),
        ({"HyperParameters": {"a": "b"}}, True),
        ({"EnableNetworkIsolation": False}, True),
        ({"EnableNetworkIsolation": True}, False),
        ({"RoleArn": "other"}, False),
        ({"VpcConfig": {"Subnets": ["a"]}}, False),
        ({"ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1}}, False),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}}, False),
        ({"EnableManagedSpotTraining": True}, False),
    ],
)
def test_a_pool_is_for_jobs_of_the_same_capacity(changes: Document, matching: bool) -> None:
    assert warm_pool.matches({"RoleArn": "r", **KEPT}, {"RoleArn": "r", **KEPT, **changes}) is matching


def create(world: World, name: str, **members: object) -> Record:
    asked = {**REQUEST, "TrainingJobName": name, **members}
    return world.records.create(TRAINING_JOB, asked, due=world.clock.now())


def run(world: World, record: Record) -> None:
    """Let a job run and succeed."""
    tend(world)
    world.later()
    world.runtime.succeed(f"{record.uid}-1", STARTED, world.clock.now())
    tend(world)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return filled(tmp_path)


def filled(root: Path) -> World:
    made = World.make(root)
    made.means.objects.put("box", "data/train/a.csv", b"1,2\n")
    return made


def test_a_matching_job_takes_the_pool_and_leaves_its_own(world: World) -> None:
    first = create(world, "first", **KEPT)
    run(world, first)
    assert world.reread(first).doc["WarmPoolStatus"]["Status"] == "Available"
    assert world.runtime.specs[f"{first.uid}-1"].kept == timedelta(seconds=60)
    world.later(timedelta(seconds=10))
    other = create(world, "other", RoleArn=f"{REQUEST['RoleArn']}2", **KEPT)
    second = create(world, "second", **KEPT)
    tend(world)
    assert world.reread(first).doc["WarmPoolStatus"] == {
        "Status": "Reused",
        "ReusedByJob": "second",
        "ResourceRetainedBillableTimeInSeconds": 10,
    }
    assert world.reread(first).due is None
    assert (
        world.reread(second).doc["WarmPoolStatus"]
        == world.reread(other).doc["WarmPoolStatus"]
        == IN_USE["WarmPoolStatus"]
    )
    run(world, second)
    world.later(timedelta(seconds=61))
    tend(world)
    assert world.reread(second).doc["WarmPoolStatus"]["Status"] == "Terminated"
    assert world.reread(second).due is None


def live(root: Path, dies_at: int | None) -> tuple[Record, Record, int]:
    """Lead two jobs through a hand-over; the controller dies once, before its n-th write."""
    world = filled(root)
    first = create(world, "first", **KEPT)
    run(world, first)
    spare = create(world, "spare", **KEPT)
    world.records.update(
        spare, {**world.reread(first).doc, "TrainingJobName": "spare"}, due=world.clock.now()
    )
    tend(world)
    second = create(world, "second", **KEPT)
    controllers = [TrainingJobs(world.means)]
    records = DyingRecords(world.records, 10**6 if dies_at is None else dies_at)
    for step in range(6):
        try:
            while world.tend(controllers, records=records):
                pass
        except Killed:
            records, world.clock.at = DyingRecords(world.records, 10**6), world.clock.at + LEASE_OVER
            while world.tend(controllers, "successor", records=records):
                pass
        world.later()
        if step == 2:
            world.runtime.succeed(f"{second.uid}-1", STARTED, world.clock.now())
    pools = [world.reread(each) for each in (first, spare)]
    reused = [each for each in pools if each.doc["WarmPoolStatus"]["Status"] == "Reused"]
    assert len(reused) == 1 and reused[0].doc["WarmPoolStatus"]["ReusedByJob"] == "second"
    return reused[0], world.reread(second), 10**6 - records.left


def test_a_hand_over_has_as_many_writes_as_are_tried(tmp_path: Path) -> None:
    assert live(tmp_path, None)[2] == WRITES


@pytest.mark.parametrize("dies_at", [None, *range(WRITES)])
def test_one_pool_is_handed_over_whichever_write_the_controller_did_not_live_to(
    tmp_path: Path, dies_at: int | None
) -> None:
    _, second, _ = live(tmp_path, dies_at)
    assert second.doc["TrainingJobStatus"] == "Completed"
    assert second.doc["WarmPoolStatus"]["Status"] == "Available"

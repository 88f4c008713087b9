"""Managed spot training: notice, interruption, and going on from the checkpoints."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.controllers.test_training_decisions import NOON, STARTED, ended, job, statuses
from tests.controllers.test_training_job import REQUEST, tend
from tests.controllers.worlds import LEASE_OVER, DyingRecords, Killed
from tests.controllers.worlds import World as Site

from clary.controllers.training.training_job import World, next_step
from clary.controllers.training.training_job_world import TrainingJobs
from clary.core import reclaim
from clary.core.document import Document
from clary.resources.training.training_job import TRAINING_JOB
from clary.runtime.spec import Seen
from clary.store.records import Record

SPOT: Document = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
    "CheckpointConfig": {"S3Uri": "s3://box/ck"},
}
RUNNING = World(run=Seen(phase="running", started=STARTED))
WRITES = 11  # of an undisturbed life with one interruption, see the test


def noticed(**members: Any) -> Document:
    first = next_step(job(**SPOT, _Started=True, TrainingStartTime=STARTED), RUNNING, NOON).write
    wanted = replace(RUNNING, reclaimed="why")
    there = {**SPOT, "_Started": True, "_Ran": True, "TrainingStartTime": STARTED, **first}
    return there | next_step(job(**there), wanted, NOON).write | members


def test_notice_is_written_down_before_the_program_is_told() -> None:
    step = next_step(job(**SPOT, TrainingStartTime=STARTED), replace(RUNNING, reclaimed="why"), NOON)
    assert (step.effect, step.write["_Notice"]) == ("none", NOON)
    assert "taken back in 120 s: why" in step.write["SecondaryStatusTransitions"][-1]["StatusMessage"]


@pytest.mark.parametrize(
    ("after", "unsaved", "effect"),
    [(1, False, "stop"), (1, True, "save"), (149, False, "stop"), (151, True, "kill")],
)
def test_a_job_under_notice_is_stopped_saved_and_in_the_end_killed(
    after: int, unsaved: bool, effect: str
) -> None:
    world = replace(RUNNING, unsaved=unsaved)
    assert next_step(job(**noticed()), world, NOON + timedelta(seconds=after)).effect == effect


@pytest.mark.parametrize("code", [0, 1, 143])
def test_a_run_that_ends_under_notice_was_interrupted_however_it_ended(code: int) -> None:
    said = next_step(job(**noticed()), ended(code), NOON)
    assert (said.effect, said.write["SecondaryStatus"]) == ("none", "Interrupted")
    assert said.write["_Spent"] == pytest.approx(10)
    cleared = next_step(job(**{**noticed(), **said.write}), ended(code), NOON)
    assert (cleared.effect, cleared.write["_Attempt"], cleared.write["_Interruptions"]) == ("remove", 2, 1)
    assert set(cleared.remove) == {"_Started", "_Ran", "_Notice", "_Interrupted"}


def test_nothing_is_interrupted_before_log_and_checkpoints_are_kept() -> None:
    assert next_step(job(**noticed()), replace(ended(143), unsaved=True), NOON).effect == "save"
    assert next_step(job(**noticed()), replace(ended(143), logged=False), NOON).write == {}


def test_a_job_whose_run_was_cleared_away_before_that_was_written_goes_on() -> None:
    there = noticed(_Interrupted=True, _Spent=10.0)
    step = next_step(job(**there), World(), NOON)
    assert (step.effect, step.write["_Attempt"]) == ("remove", 2)


def test_interruptions_are_not_attempts_of_the_retry_strategy() -> None:
    lost: Document = {"_Started": True, "_Ran": True, "RetryStrategy": {"MaximumRetryAttempts": 1}}
    again = next_step(job(**SPOT, **lost, _Attempt=5, _Interruptions=4), World(), NOON)
    assert again.write["_Attempt"] == 6
    done = next_step(job(**SPOT, **lost, _Attempt=6, _Interruptions=4), World(), NOON)
    assert done.write["TrainingJobStatus"] == "Failed"


def test_the_runtime_of_all_attempts_counts_against_the_limit() -> None:
    spent = {**SPOT, "_Spent": 3400.0, "TrainingStartTime": STARTED - timedelta(days=1)}
    assert next_step(job(**spent), RUNNING, STARTED + timedelta(seconds=100)).write.get("_Stop") is None
    late = next_step(job(**spent), RUNNING, STARTED + timedelta(seconds=201))
    assert late.write["_Stop"] == "MaxRuntimeExceeded"


def test_only_the_time_with_capacity_is_billable() -> None:
    began = STARTED - timedelta(seconds=90)
    write = next_step(job(**SPOT, _Spent=20.5, TrainingStartTime=began, _Attempt=2), ended(0), NOON).write
    assert (write["TrainingTimeInSeconds"], write["BillableTimeInSeconds"]) == (101, 31)


def test_a_job_that_waits_too_long_after_an_interruption_is_stopped_and_says_what_it_used() -> None:
    waiting = {**SPOT, "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 100}}
    write = next_step(job(**waiting, _Attempt=2, _Spent=20.0, TrainingStartTime=STARTED), World(), NOON).write
    assert (write["TrainingJobStatus"], write["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert (write["TrainingTimeInSeconds"], write["BillableTimeInSeconds"]) == (240, 20)


def test_a_job_that_is_not_on_spot_capacity_keeps_it(tmp_path: Path) -> None:
    site = Site.make(tmp_path)
    site.means.objects.put("box", "data/train/a.csv", b"1")
    record = site.records.create(TRAINING_JOB, REQUEST, due=site.clock.now())
    tend(site)
    site.runtime.reach(f"{record.uid}-1", "running", site.clock.now())
    reclaim.ask(site.means.settings.home, record.arn)
    site.later()
    tend(site)
    assert site.reread(record).doc["SecondaryStatus"] == "Training"
    assert "_Notice" not in site.reread(record).doc


def live(root: Path, dies_at: int | None) -> tuple[Record, Site, int]:
    """Lead a spot job through an interruption to its end; the controller dies once, before its n-th write."""
    site = Site.make(root)
    site.means.objects.put("box", "data/train/a.csv", b"1,2\n")
    record = site.records.create(TRAINING_JOB, {**REQUEST, **SPOT}, due=site.clock.now())
    controllers = [TrainingJobs(site.means)]
    records = DyingRecords(site.records, 10**6 if dies_at is None else dies_at)
    for _ in range(40):
        try:
            while site.tend(controllers, records=records):
                pass
        except Killed:
            records, site.clock.at = DyingRecords(site.records, 10**6), site.clock.at + LEASE_OVER
            while site.tend(controllers, "successor", records=records):
                pass
        if site.reread(record).due is None:
            break
        site.later()
        _advance(site, record)
    return site.reread(record), site, 10**6 - records.left


def _advance(site: Site, record: Record) -> None:
    doc, now = site.reread(record).doc, site.clock.now()
    uid = f"{record.uid}-{doc.get('_Attempt', 1)}"
    run = site.runtime.inspect(uid)
    if run.phase == "starting":
        site.runtime.reach(uid, "running", now)
        if uid.endswith("-1"):
            reclaim.ask(site.means.settings.home, record.arn)
        else:
            placed = [each.source.read_bytes() for each in site.runtime.specs[uid].inputs if each.writable]
            assert placed == [b"half"]
    elif run.phase == "running" and uid.endswith("-1") and ("stop", uid) in site.runtime.calls:
        site.runtime.written[uid, "checkpoints"] = {"state": b"half"}
        site.runtime.seen[uid] = Seen(
            phase="exited", started=run.started, ended=now, exit_code=143, signal=15
        )
    elif run.phase == "running" and not uid.endswith("-1"):
        assert run.started is not None
        site.runtime.succeed(uid, run.started, now)


def test_an_interrupted_life_has_as_many_writes_as_are_tried(tmp_path: Path) -> None:
    _, _, writes = live(tmp_path, None)
    assert writes == WRITES


@pytest.mark.parametrize("dies_at", [None, *range(WRITES)])
def test_an_interrupted_job_goes_on_whichever_write_its_controller_did_not_live_to(
    tmp_path: Path, dies_at: int | None
) -> None:
    record, site, _ = live(tmp_path, dies_at)
    doc = record.doc
    assert doc["TrainingJobStatus"] == "Completed"
    assert statuses(doc) == [
        "Starting", "Downloading", "Training", "Interrupted",
        "Restarting", "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert (doc["_Attempt"], doc["_Interruptions"]) == (2, 1)
    assert doc["BillableTimeInSeconds"] < doc["TrainingTimeInSeconds"]
    assert site.means.objects.get("box", "ck/state").path.read_bytes() == b"half"
    assert site.runtime.seen == {} and len(site.runtime.specs) == 2
    assert not reclaim.asked(site.means.settings.home, record.arn)

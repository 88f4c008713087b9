"""A controller is killed between each effect of a training job and its write; another finishes the job."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.controllers.test_training_job import REQUEST
from tests.controllers.worlds import LEASE_OVER, DyingRecords, Killed, World

from clary.controllers.training.training_job_world import GROUP, TrainingJobs
from clary.core.document import Document
from clary.resources.training.training_job import TRAINING_JOB

WRITES = 6  # of an undisturbed life, see the first test


def live(root: Path, dies_at: int | None) -> tuple[Document, World, int]:
    """Lead a job through its whole life; the controller dies once, before its n-th write."""
    world = World.make(root)
    world.means.objects.put("box", "data/train/a.csv", b"1,2\n")
    job = world.records.create(TRAINING_JOB, REQUEST, due=world.clock.now())
    uid, controllers = f"{job.uid}-1", [TrainingJobs(world.means)]
    records = DyingRecords(world.records, 10**6 if dies_at is None else dies_at)
    for _ in range(30):
        try:
            while world.tend(controllers, records=records):
                pass
        except Killed:
            records, world.clock.at = DyingRecords(world.records, 10**6), world.clock.at + LEASE_OVER
            while world.tend(controllers, "successor", records=records):
                pass
        if world.reread(job).due is None:
            break
        world.later()
        _advance(world, uid)
    return world.reread(job).doc, world, 10**6 - records.left


def _advance(world: World, uid: str) -> None:
    now, phase = world.clock.now(), world.runtime.inspect(uid).phase
    if phase == "starting":
        world.runtime.reach(uid, "preparing", now)
    elif phase == "preparing":
        world.runtime.reach(uid, "running", now)
        world.runtime.printed[uid] = b"loss=0.5\nhalf a "
    elif phase == "running":
        world.runtime.printed[uid] += b"line\n"
        started = world.runtime.inspect(uid).started
        assert started is not None
        world.runtime.succeed(uid, started, now)


def test_an_undisturbed_life_has_as_many_writes_as_are_tried(tmp_path: Path) -> None:
    _, _, writes = live(tmp_path, None)
    assert writes == WRITES


@pytest.mark.parametrize("dies_at", range(WRITES))
def test_a_job_ends_the_same_whichever_write_its_controller_did_not_live_to(
    tmp_path: Path, dies_at: int
) -> None:
    expected, _, _ = live(tmp_path / "undisturbed", None)
    doc, world, _ = live(tmp_path / "killed", dies_at)
    timeless = ("TrainingJobStatus", "SecondaryStatus", "ModelArtifacts", "FinalMetricDataList", "_Attempt")
    for member in timeless:
        assert _without_times(doc.get(member)) == _without_times(expected.get(member)), member
    assert [t["Status"] for t in doc["SecondaryStatusTransitions"]] == [
        t["Status"] for t in expected["SecondaryStatusTransitions"]
    ]
    assert world.log(GROUP) == ["loss=0.5", "half a line"]
    assert world.runtime.seen == {}
    assert len(world.runtime.specs) == 1
    assert world.means.objects.get("box", "out/j/output/model.tar.gz").path.read_bytes() == b"model"


def _without_times(value: object) -> object:
    if isinstance(value, list):
        return [_without_times(each) for each in value]
    return {k: v for k, v in value.items() if k != "Timestamp"} if isinstance(value, dict) else value

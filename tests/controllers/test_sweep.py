"""Runs without an owner are found and ended; all others are left alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.controllers.worlds import NOON, World

from clary.controllers.sweep import AGE, sweep
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.training.training_job import TRAINING_JOB
from clary.runtime.spec import Seen


def test_only_old_runs_that_nobody_owns_are_swept(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    job = world.records.create(TRAINING_JOB, {"TrainingJobName": "j"}, due=NOON)
    settled = world.records.create(TRAINING_JOB, {"TrainingJobName": "k"}, due=None)
    endpoint = world.records.create(ENDPOINT, {"EndpointName": "e", "_Fleet": []}, due=NOON)
    host = f"{endpoint.uid}-1-0-1"
    several = f"{endpoint.uid}-1-0-3"
    world.records.update(endpoint, {"_Fleet": [{"Uid": host}, {"Uid": several, "Containers": 2}]})
    stays = {f"{job.uid}-1", host, several, f"{several}-2", "0000-1"}
    goes = {f"{settled.uid}-1", f"{endpoint.uid}-1-0-2", f"{several}-3", "1111-1"}
    for uid in stays | goes:
        world.runtime.seen[uid] = Seen(phase="running")
        world.runtime.since[uid] = NOON
    world.runtime.since["0000-1"] = NOON + timedelta(seconds=1)
    assert sweep(world.means, NOON + AGE + timedelta(seconds=1)) == len(goes)
    assert set(world.runtime.seen) == stays

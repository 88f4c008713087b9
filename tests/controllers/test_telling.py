"""Jobs that were made by others wake them when they end, and only then."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import NOON, ROLE, World

from clary.controllers.inference.transform_job_world import TransformJobs
from clary.controllers.step import Controller, Step, telling
from clary.controllers.training.training_job_world import TrainingJobs
from clary.controllers.tuning.tuning_job_world import TuningJobs
from clary.core.document import Document

LIMITS = {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
TRAINING = {
    "AlgorithmSpecification": {"TrainingImage": "image"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    "SecondaryStatus": "Stopping",
    "SecondaryStatusTransitions": [],
}
TUNING = {
    "HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": LIMITS},
    "TrainingJobDefinition": {"AlgorithmSpecification": {}, "TuningObjective": {"MetricName": "loss"}},
}


def test_who_made_a_job_is_told_its_end_and_nothing_else() -> None:
    step = Step(write={"Status": "Completed"}, again=None)
    assert telling({"_Parent": "p"}, step, ends=True).wake == "p"
    assert telling({"_Parent": "p"}, step, ends=False).wake == ""
    assert telling({}, step, ends=True).wake == ""


@pytest.mark.parametrize(
    ("make", "status", "more"),
    [
        (TrainingJobs, "TrainingJobStatus", TRAINING),
        (TransformJobs, "TransformJobStatus", {}),
        (TuningJobs, "HyperParameterTuningJobStatus", TUNING),
    ],
    ids=["training", "transform", "tuning"],
)
def test_a_job_that_is_stopped_before_it_begins_wakes_who_made_it(
    tmp_path: Path, make: type[TrainingJobs], status: str, more: Document
) -> None:
    world = World.make(tmp_path)
    controller: Controller = make(world.means)
    doc = {status: "Stopping", "RoleArn": ROLE, "_Parent": "p", "CreationTime": NOON, **more}
    record = world.records.create(controller.resource, {controller.resource.key()[0]: "job", **doc}, due=NOON)
    assert controller.look(record, NOON + timedelta(seconds=1)).wake == "p"

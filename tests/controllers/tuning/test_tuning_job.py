"""The life of a tuning job: decisions as they are taken, and a controller killed before each write."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.controllers.worlds import ACCOUNT, LEASE_OVER, NOON, REGION, ROLE, DyingRecords, Killed, World

from clary.controllers.tuning.tuning_job_world import TuningJobs
from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.core.principal import Principal
from clary.resources.training.training_job import TRAINING_JOB
from clary.resources.tuning.hyper_parameter_tuning_job import HYPER_PARAMETER_TUNING_JOB
from clary.store.records import Record, Records

CALLER = Principal(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ann", user_id="AIDAANN", grants="ann")
JOBS = 5


def request(strategy: str = "Bayesian", **config: object) -> Document:
    return {
        "HyperParameterTuningJobName": "tune",
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": JOBS, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]
            },
            **config,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": "image",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=(.*)"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://box/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
        "CreationTime": NOON,
        "_Caller": asdict(CALLER),
    }


class Calls:
    """Stands for the door to operations: keeps what is created and stopped, as the operations do."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.made: list[str] = []
        self.refusal: ApiError | None = None
        self.full: set[str] = set()

    def call(
        self, caller: Principal, region: str, operation: str, asked: Document, more: Document
    ) -> Document:
        assert (caller, region) == (CALLER, REGION)
        if operation == "StopTrainingJob":
            job = self.records.get(TRAINING_JOB, asked)
            self.records.update(job, {"TrainingJobStatus": "Stopping"})
            return {}
        if self.refusal:
            raise self.refusal
        if (instance_type := asked["ResourceConfig"]["InstanceType"]) in self.full:
            raise ApiError(f"No {instance_type} is left.", code="ResourceLimitExceeded", status=400)
        doc = {**asked, **more, "CreationTime": self.records.clock.now()}
        self.made.append(self.records.create(TRAINING_JOB, doc).name)
        return {}


def start(root: Path, doc: Document) -> tuple[World, Calls, Record]:
    world = World.make(root)
    calls = Calls(world.records)
    world = replace(world, means=replace(world.means, call=calls.call))
    job = world.records.create(HYPER_PARAMETER_TUNING_JOB, doc, due=world.clock.now())
    return world, calls, job


def end_one(world: World, calls: Calls, **members: object) -> None:
    """Let the oldest training job that runs end well, with a score that is its x."""
    for name in calls.made:
        job = world.records.get(TRAINING_JOB, {"TrainingJobName": name})
        if job.status == "InProgress":
            score = {"MetricName": "score", "Value": float(job.doc["HyperParameters"]["x"])}
            world.records.update(
                job, {"TrainingJobStatus": "Completed", "FinalMetricDataList": [score], **members}
            )
            return


def tend(world: World, owner: str = "a", records: Records | None = None) -> None:
    controllers = [TuningJobs(world.means)]
    while world.tend(controllers, owner, records=records):
        pass


def live(root: Path, dies_at: int | None) -> tuple[Document, Calls, int]:
    """Lead a job through its whole life; the controller dies once, before its n-th write."""
    world, calls, job = start(root, request(RandomSeed=1))
    records = DyingRecords(world.records, 10**6 if dies_at is None else dies_at)
    for _ in range(20):
        try:
            tend(world, records=records)
        except Killed:
            records, world.clock.at = DyingRecords(world.records, 10**6), world.clock.at + LEASE_OVER
            tend(world, "successor", records)
        if world.reread(job).due is None:
            break
        end_one(world, calls)
        world.later()
    return world.reread(job).doc, calls, 10**6 - records.left


WRITES = 11


def test_an_undisturbed_life_has_as_many_writes_as_are_tried(tmp_path: Path) -> None:
    doc, calls, writes = live(tmp_path, None)
    assert writes == WRITES
    assert doc["HyperParameterTuningJobStatus"] == "Completed"
    assert len(calls.made) == JOBS
    assert [name[5:8] for name in calls.made] == ["001", "002", "003", "004", "005"]


@pytest.mark.parametrize("dies_at", range(WRITES))
def test_no_trial_is_lost_or_made_twice_whichever_write_the_controller_did_not_live_to(
    tmp_path: Path, dies_at: int
) -> None:
    doc, calls, _ = live(tmp_path, dies_at)
    assert doc["HyperParameterTuningJobStatus"] == "Completed"
    assert len(calls.made) == len(set(calls.made)) == JOBS
    assert [each["TrainingJobName"] for each in doc["_Trials"]] == calls.made
    assert doc["TrainingJobStatusCounters"]["Completed"] == JOBS
    scores = [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in doc["_Trials"]]
    told = [float(each["TunedHyperParameters"]["x"]) for each in doc["_Trials"]]
    assert scores == told
    assert doc["BestTrainingJob"]["TunedHyperParameters"]["x"] == repr(max(scores))


def test_a_job_stopped_between_the_creation_of_a_trial_and_its_write_leaves_none_running(
    tmp_path: Path,
) -> None:
    world, calls, job = start(tmp_path, request())
    with pytest.raises(Killed):
        world.tend([TuningJobs(world.means)], records=DyingRecords(world.records, 0))
    assert len(calls.made) == 1
    assert "_Trials" not in world.reread(job).doc
    stopping = {"HyperParameterTuningJobStatus": "Stopping"}
    world.records.update(world.reread(job), stopping, due=world.clock.now())
    world.clock.at += LEASE_OVER
    tend(world, "successor")
    trial = world.records.get(TRAINING_JOB, {"TrainingJobName": calls.made[0]})
    assert trial.status == "Stopping"
    world.records.update(trial, {"TrainingJobStatus": "Stopped"})
    world.later()
    tend(world, "successor")
    doc = world.reread(job).doc
    assert doc["HyperParameterTuningJobStatus"] == "Stopped"
    assert doc["TrainingJobStatusCounters"]["Stopped"] == 1


def test_no_more_trials_run_than_may_at_a_time(tmp_path: Path) -> None:
    world, calls, _ = start(tmp_path, request("Random"))
    tend(world)
    assert len(calls.made) == 2
    end_one(world, calls)
    world.later()
    tend(world)
    assert len(calls.made) == 3


def test_a_training_job_that_cannot_be_created_fails_the_tuning_job(tmp_path: Path) -> None:
    world, calls, job = start(tmp_path, request())
    tend(world)
    calls.refusal = ValidationError("The bucket is gone.")
    end_one(world, calls)
    world.later()
    tend(world)
    assert (
        world.reread(job).doc["HyperParameterTuningJobStatus"] == "InProgress"
    )  # the other is being stopped
    stopped = world.records.get(TRAINING_JOB, {"TrainingJobName": calls.made[1]})
    assert stopped.status == "Stopping"
    world.records.update(stopped, {"TrainingJobStatus": "Stopped"})
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert doc["HyperParameterTuningJobStatus"] == "Failed"
    assert doc["FailureReason"].endswith("could not be created: The bucket is gone.")
    assert doc["TrainingJobStatusCounters"] == {
        "Completed": 1,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 1,
    }


def test_a_trial_deleted_by_somebody_has_failed(tmp_path: Path) -> None:
    world, calls, job = start(tmp_path, request())
    tend(world)
    world.records.delete(world.records.get(TRAINING_JOB, {"TrainingJobName": calls.made[0]}))
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert doc["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert "was deleted" in doc["_Trials"][0]["FailureReason"]


def test_the_runtime_of_all_ends_the_job(tmp_path: Path) -> None:
    limits = {"MaxNumberOfTrainingJobs": 9, "MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120}
    world, calls, job = start(tmp_path, request(ResourceLimits=limits))
    tend(world)
    world.clock.at += LEASE_OVER * 40
    tend(world)
    trial = world.records.get(TRAINING_JOB, {"TrainingJobName": calls.made[0]})
    assert trial.status == "Stopping"
    world.records.update(trial, {"TrainingJobStatus": "Stopped"})
    world.later()
    tend(world)
    assert world.reread(job).doc["HyperParameterTuningJobStatus"] == "Completed"


def test_a_job_without_any_objective_fails_and_says_so(tmp_path: Path) -> None:
    world, calls, job = start(tmp_path, request())
    for _ in range(8):
        tend(world)
        end_one(world, calls, FinalMetricDataList=[])
        world.later()
    doc = world.reread(job).doc
    assert doc["HyperParameterTuningJobStatus"] == "Failed"
    assert doc["FailureReason"].startswith("No objective metrics found after running 5 training jobs.")
    assert doc["ObjectiveStatusCounters"]["Failed"] == 5


def with_instances(*types: str) -> Document:
    doc = request("Random")
    definition = doc["TrainingJobDefinition"]
    del definition["ResourceConfig"]
    definition["HyperParameterTuningResourceConfig"] = {
        "AllocationStrategy": "Prioritized",
        "InstanceConfigs": [
            {"InstanceType": each, "InstanceCount": 1, "VolumeSizeInGB": 1} for each in types
        ],
    }
    return doc


def types_of(world: World, calls: Calls) -> list[str]:
    jobs = [world.records.get(TRAINING_JOB, {"TrainingJobName": name}) for name in calls.made]
    return [job.doc["ResourceConfig"]["InstanceType"] for job in jobs]


def test_trials_take_the_first_instances_that_a_quota_has_left(tmp_path: Path) -> None:
    world, calls, job = start(tmp_path, with_instances("ml.m5.large", "ml.m5.xlarge"))
    calls.full = {"ml.m5.large"}
    tend(world)
    assert types_of(world, calls) == ["ml.m5.xlarge"] * 2
    calls.full = set()
    end_one(world, calls)
    world.later()
    tend(world)
    assert types_of(world, calls) == ["ml.m5.xlarge"] * 2 + ["ml.m5.large"]
    assert "_Ending" not in world.reread(job).doc


def test_a_full_quota_is_waited_for_while_trials_run_and_fails_the_job_that_has_none(tmp_path: Path) -> None:
    world, calls, job = start(tmp_path, request("Random"))
    tend(world)
    end_one(world, calls)
    calls.full = {"ml.m5.large"}
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert (len(calls.made), doc["TrainingJobStatusCounters"]["Completed"]) == (2, 1)
    assert doc["HyperParameterTuningJobStatus"] == "InProgress"
    calls.full = set()
    world.later()
    tend(world)
    assert len(calls.made) == 3
    calls.full = {"ml.m5.large"}
    for _ in range(3):
        end_one(world, calls)
        world.later()
        tend(world)
    doc = world.reread(job).doc
    assert doc["HyperParameterTuningJobStatus"] == "Failed"
    assert doc["FailureReason"].endswith("could not be created: No ml.m5.large is left.")
    assert doc["TrainingJobStatusCounters"]["Completed"] == 3


def test_a_training_job_that_somebody_makes_by_a_trial_s_name_is_not_stopped(tmp_path: Path) -> None:
    world, calls, job = start(tmp_path, request())
    tend(world)
    theirs = {"TrainingJobName": calls.made[0]}
    trial = world.records.get(TRAINING_JOB, theirs)
    world.records.delete(trial)
    world.records.create(TRAINING_JOB, {**trial.doc, "TuningJobArn": None})
    stopping = {"HyperParameterTuningJobStatus": "Stopping"}
    world.records.update(world.reread(job), stopping, due=world.clock.now())
    world.later()
    tend(world)
    assert world.records.get(TRAINING_JOB, theirs).status == "InProgress"
    assert world.reread(job).doc["TrainingJobStatusCounters"]["NonRetryableError"] == 1


def test_tags_given_to_a_tuning_job_afterwards_are_not_its_trials(tmp_path: Path) -> None:
    first, later = {"Key": "team", "Value": "a"}, {"Key": "team", "Value": "b"}
    world, calls, _ = start(tmp_path, {**request("Random"), "Tags": [later], "_Tags": [first]})
    tend(world)
    made = world.records.get(TRAINING_JOB, {"TrainingJobName": calls.made[0]})
    assert made.doc["Tags"] == [first]

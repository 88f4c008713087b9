"""Training jobs over a real store: what is planned, started, logged, collected and cleaned up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import ACCOUNT, NOON, REGION, ROLE, World

from clary.controllers.training.training_job_world import GROUP, TrainingJobs
from clary.core.document import Document
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.metrics.store import resource_series
from clary.store.records import Record

REQUEST: Document = {
    "TrainingJobName": "j",
    "AlgorithmSpecification": {
        "TrainingImage": "image",
        "TrainingInputMode": "File",
        "MetricDefinitions": [
            {"Name": "loss", "Regex": "loss=([0-9.]+)"},
            {"Name": "none", "Regex": "no (.)"},
        ],
    },
    "RoleArn": ROLE,
    "HyperParameters": {"eta": "0.1"},
    "InputDataConfig": [
        {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://box/data/train"}},
            "ContentType": "text/csv",
        }
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://box/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    "Environment": {"WHO": "me"},
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path)
    made.means.objects.put("box", "data/train/part/a.csv", b"1,2\n")
    made.means.objects.put("box", "data/train.csv", b"3,4\n")
    return made


def create(world: World, **members: object) -> Record:
    return world.records.create(TRAINING_JOB, {**REQUEST, **members}, due=world.clock.now())


def tend(world: World) -> None:
    while world.tend([TrainingJobs(world.means)]):
        pass


def test_a_job_is_planned_as_the_container_contract_says(world: World) -> None:
    job = create(world)
    tend(world)
    spec = world.runtime.specs[f"{job.uid}-1"]
    assert sorted(each.target for each in spec.inputs) == [
        "input/data/train/part/a.csv",
        "input/data/train/train.csv",
    ]
    assert json.loads(spec.files["input/config/hyperparameters.json"]) == {"eta": "0.1"}
    assert json.loads(spec.files["input/config/resourceconfig.json"])["hosts"] == ["algo-1"]
    assert json.loads(spec.files["input/config/inputdataconfig.json"])["train"]["ContentType"] == "text/csv"
    assert spec.environment["WHO"] == "me"
    assert spec.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == f"token of {job.uid}-1"
    assert spec.environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"


def test_a_job_runs_to_its_end_with_log_metrics_and_model_and_leaves_no_run(world: World) -> None:
    job = create(world)
    tend(world)
    uid = f"{job.uid}-1"
    world.later()
    world.runtime.printed[uid] = b"epoch 1 loss=0.5\nepoch 2 "
    world.runtime.reach(uid, "running", NOON)
    tend(world)
    assert world.reread(job).doc["SecondaryStatus"] == "Training"
    assert world.log(GROUP) == ["epoch 1 loss=0.5"]
    world.later()
    world.runtime.printed[uid] += b"loss=0.25\nbye"
    world.runtime.succeed(uid, NOON, world.clock.now())
    tend(world)
    done = world.reread(job)
    assert done.doc["TrainingJobStatus"] == "Completed"
    assert [(m["MetricName"], m["Value"]) for m in done.doc["FinalMetricDataList"]] == [("loss", 0.25)]
    assert world.log(GROUP) == ["epoch 1 loss=0.5", "epoch 2 loss=0.25", "bye"]
    assert world.means.objects.get("box", "out/j/output/model.tar.gz").path.read_bytes() == b"model"
    assert done.due is None and world.runtime.seen == {}


def test_metrics_are_told_while_the_job_runs_each_point_once_whoever_is_killed(world: World) -> None:
    job = create(world)
    tend(world)
    uid = f"{job.uid}-1"
    for epoch in range(1, 4):
        world.later()
        world.runtime.reach(uid, "running", NOON)
        world.runtime.printed[uid] = world.runtime.printed.get(uid, b"") + b"loss=%d\n" % epoch
        TrainingJobs(world.means).look(world.reread(job), world.clock.now())  # killed before it could write
        tend(world)
        [told] = world.reread(job).doc["FinalMetricDataList"]
        assert told["Value"] == epoch
    assert world.reread(job).doc["TrainingJobStatus"] == "InProgress"
    [points] = world.means.metrics.read(resource_series(ACCOUNT, REGION, job.arn.lower(), "loss"))
    assert list(points.values) == [1.0, 2.0, 3.0]


def test_a_metric_that_cannot_be_searched_for_is_given_up_once_and_for_all(world: World) -> None:
    algorithm = {
        **REQUEST["AlgorithmSpecification"],
        "MetricDefinitions": [{"Name": "hangs", "Regex": "(a+)+$"}, {"Name": "loss", "Regex": "loss=(.*)"}],
    }
    job = create(world, AlgorithmSpecification=algorithm)
    tend(world)
    uid = f"{job.uid}-1"
    world.later()
    world.runtime.reach(uid, "running", NOON)
    world.runtime.printed[uid] = b"a" * 5000 + b"!\nloss=1\n"
    tend(world)
    doc = world.reread(job).doc
    assert doc["_Unsearched"]["Names"] == ["hangs"]
    assert [each["MetricName"] for each in doc["FinalMetricDataList"]] == ["loss"]
    world.later()
    world.runtime.printed[uid] += b"a" * 5000 + b"!\nloss=2\n"
    world.runtime.succeed(uid, NOON, world.clock.now())
    tend(world)
    doc = world.reread(job).doc
    assert [each["Value"] for each in doc["FinalMetricDataList"]] == [2.0]
    assert doc["SecondaryStatusTransitions"][-1]["StatusMessage"].count("no metric hangs") == 1


def test_what_disappeared_since_the_job_was_created_fails_it(world: World) -> None:
    job = create(world)
    world.means.objects.delete("box", "data/train.csv")
    world.means.objects.delete("box", "data/train/part/a.csv")
    tend(world)
    reason = world.reread(job).doc["FailureReason"]
    assert reason == "ClientError: Data download failed:S3 key: data/train matched no files on s3://box/"


def test_a_role_that_may_not_read_the_data_fails_the_job(world: World) -> None:
    world.means.objects.put("box", "data/train/secret", b"x")
    job = create(world)
    tend(world)
    reason = world.reread(job).doc["FailureReason"]
    assert (
        "is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::box/data/train/secret" in reason
    )


def test_an_object_below_another_objects_name_fails_the_job(world: World) -> None:
    world.means.objects.put("box", "data/train/part", b"x")
    job = create(world)
    tend(world)
    assert "has an object 'part' and others below that name" in world.reread(job).doc["FailureReason"]


def test_a_bucket_that_is_gone_at_the_end_fails_the_job_and_says_so(world: World) -> None:
    world.means.objects.create_bucket("gone", account="000000000000", region="us-east-1")
    job = create(world, OutputDataConfig={"S3OutputPath": "s3://gone/x"})
    tend(world)
    world.means.objects.delete_bucket("gone")
    world.later()
    world.runtime.succeed(f"{job.uid}-1", NOON, world.clock.now())
    tend(world)
    doc = world.reread(job).doc
    assert (doc["TrainingJobStatus"], doc["SecondaryStatus"]) == ("Failed", "Failed")
    assert doc["FailureReason"].startswith("ClientError: Artifact upload failed:s3://gone/x/j/output/")


def test_a_stopped_job_keeps_the_model_it_had_made(world: World) -> None:
    job = create(world)
    tend(world)
    uid = f"{job.uid}-1"
    world.later()
    world.runtime.reach(uid, "running", NOON)
    tend(world)
    stopping = {"TrainingJobStatus": "Stopping", "SecondaryStatus": "Stopping"}
    world.records.update(world.reread(job), stopping, due=world.clock.now())
    world.tend([TrainingJobs(world.means)])
    assert ("stop", uid) in world.runtime.calls
    world.later(timedelta(seconds=2))
    world.runtime.succeed(uid, NOON, world.clock.now())
    tend(world)
    doc = world.reread(job).doc
    assert (doc["TrainingJobStatus"], doc["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "ModelArtifacts" in doc
    assert [each["Status"] for each in doc["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Stopping", "Stopped",
    ]  # fmt: skip


def test_checkpoints_are_there_at_the_start_and_taken_to_s3_as_they_are_made(world: World) -> None:
    world.means.objects.put("box", "ck/old", b"old")
    world.means.objects.put("box", "ck-of-others/x", b"x")
    job = create(
        world,
        CheckpointConfig={"S3Uri": "s3://box/ck", "LocalPath": "/opt/ml/mine"},
        TensorBoardOutputConfig={"S3OutputPath": "s3://box/tb/"},
    )
    tend(world)
    uid = f"{job.uid}-1"
    spec = world.runtime.specs[uid]
    assert [each.target for each in spec.inputs if each.writable] == ["mine/old"]
    assert set(spec.saved) == {"mine", "output/tensorboard"}
    world.later()
    world.runtime.reach(uid, "running", NOON)
    world.runtime.written[uid, "mine"] = {"deep/1": b"one"}
    world.runtime.written[uid, "output/tensorboard"] = {"events": b"e"}
    tend(world)
    assert world.means.objects.get("box", "ck/deep/1").path.read_bytes() == b"one"
    assert world.means.objects.get("box", "tb/j/tensorboard-output/events").path.read_bytes() == b"e"
    world.runtime.written[uid, "mine"] = {"last": b"two"}
    world.later()
    world.runtime.succeed(uid, NOON, world.clock.now())
    tend(world)
    assert world.reread(job).doc["TrainingJobStatus"] == "Completed"
    assert world.means.objects.get("box", "ck/last").path.read_bytes() == b"two"


def test_checkpoints_that_cannot_be_kept_fail_the_job_in_the_end(world: World) -> None:
    world.means.objects.create_bucket("brief", account="000000000000", region="us-east-1")
    job = create(world, CheckpointConfig={"S3Uri": "s3://brief/ck"})
    world.means.objects.put("brief", "ck/a", b"a")
    tend(world)
    world.means.objects.delete("brief", "ck/a")
    world.means.objects.delete_bucket("brief")
    uid = f"{job.uid}-1"
    world.later()
    world.runtime.written[uid, "checkpoints"] = {"1": b"1"}
    world.runtime.succeed(uid, NOON, world.clock.now())
    tend(world)
    doc = world.reread(job).doc
    assert doc["TrainingJobStatus"] == "Failed"
    assert doc["FailureReason"].startswith("ClientError: The job's checkpoints could not be kept: Artifact")


def test_a_model_that_is_not_compressed_is_kept_file_by_file(world: World) -> None:
    job = create(world, OutputDataConfig={"S3OutputPath": "s3://box/out", "CompressionType": "NONE"})
    tend(world)
    uid = f"{job.uid}-1"
    assert next((each.name, each.packed) for each in world.runtime.specs[uid].outputs) == ("model", False)
    folder = world.root / "jobs" / uid / "out" / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "w").write_text("weights")
    world.later()
    world.runtime.succeed(uid, NOON, world.clock.now(), model=b"")
    world.runtime.seen[uid] = replace(world.runtime.seen[uid], outputs={"model": folder})
    tend(world)
    doc = world.reread(job).doc
    assert doc["ModelArtifacts"] == {"S3ModelArtifacts": "s3://box/out/j/output/model/"}
    assert world.means.objects.get("box", "out/j/output/model/deep/w").path.read_text() == "weights"

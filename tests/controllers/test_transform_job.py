"""The life of a transform job: decisions as a table, and the whole of it over a real store."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import ACCOUNT, NOON, REGION, ROLE, World

from clary.controllers.inference.transform_job import ATTEMPTS, next_step
from clary.controllers.inference.transform_job import World as Seen_
from clary.controllers.inference.transform_job_world import GROUP, TransformJobs
from clary.controllers.step import Step
from clary.core.document import Document
from clary.resources.inference.transform_job import TRANSFORM_JOB
from clary.runtime.spec import Seen
from clary.store.metrics import Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.records import Record

REQUEST: Document = {
    "TransformJobName": "j",
    "ModelName": "m",
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://box/in/"}},
        "ContentType": "text/csv",
        "SplitType": "Line",
    },
    "TransformOutput": {"S3OutputPath": "s3://box/out/", "AssembleWith": "Line"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 2},
    "Environment": {"WHO": "job"},
    "MaxPayloadInMB": 3,
    "BatchStrategy": "MultiRecord",
    "_Model": {
        "Container": {
            "Image": "image",
            "ModelDataUrl": "s3://box/model.tar.gz",
            "Environment": {"WHO": "model", "WHAT": "model"},
        },
        "Role": ROLE,
        "Isolated": True,
    },
}
READY = Seen(phase="ready", started=NOON)
WELL = Seen(phase="exited", started=NOON, ended=NOON, exit_code=0)
BAD = Seen(phase="exited", started=NOON, ended=NOON, exit_code=1, failure="ClientError: box/in/a: 400")
LOST = Seen(phase="exited", started=NOON, ended=NOON, failure="InternalServerError: The host was lost: so.")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path)
    for key in ("in/a.csv", "in/b/c.csv", "in/d.csv", "model.tar.gz", "other/x.csv"):
        made.means.objects.put("box", key, key.encode())
    return made


def create(world: World, **members: object) -> Record:
    now = world.clock.now()
    return world.records.create(TRANSFORM_JOB, {**REQUEST, **members}, due=now)


def tend(world: World) -> None:
    while world.tend([TransformJobs(world.means)]):
        pass


def names(world: World, uid: str) -> list[str]:
    transform = world.runtime.specs[uid].transform
    return [item.name for item in transform.items] if transform else []


def end(world: World, uid: str, seen: Seen, *done: str) -> None:
    """Let a run end, with outputs for some objects."""
    folder = world.root / uid / "transformed"
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, name in enumerate(done):
        (folder / f"{number}.out").write_text(f"{name} by {uid[-3:]}")
        lines.append(json.dumps([name, f"{number}.out"]) + "\n")
    (folder / "index.jsonl").write_text("".join(lines))
    outputs = {"transformed": folder}
    world.runtime.seen[uid] = Seen(**{**vars(seen), "outputs": outputs})


def outputs(world: World) -> dict[str, str]:
    objects = world.means.objects
    found = objects.each("box", "out/")
    return {info.key.removeprefix("out/"): info.path.read_text() for info in found}


@pytest.mark.parametrize(
    ("doc", "seen", "effect", "status"),
    [
        ({}, Seen_(remaining=1), "start", None),
        ({}, Seen_(fault="ClientError: no"), "none", "Failed"),
        ({}, Seen_(), "collect", "Completed"),
        ({"TransformJobStatus": "Stopping"}, Seen_(), "withdraw", "Stopped"),
        ({"_Started": True}, Seen_(runs=[READY, WELL]), "none", None),
        ({"_Started": True}, Seen_(runs=[READY, BAD]), "none", None),
        ({"_Started": True}, Seen_(runs=[READY, WELL], fresh=True), "publish", None),
        ({"_Started": True}, Seen_(runs=[WELL, WELL], fresh=True), "collect", "Completed"),
        ({"_Started": True}, Seen_(runs=[WELL, WELL]), "collect", "Completed"),
        ({"_Started": True}, Seen_(runs=[WELL, WELL], logged=False), "none", None),
        ({"_Started": True}, Seen_(runs=[WELL, BAD]), "collect", "Failed"),
        ({"_Started": True}, Seen_(runs=[LOST, BAD]), "collect", "Failed"),
        ({"_Started": True}, Seen_(runs=[WELL, LOST]), "none", None),
        ({"_Started": True}, Seen_(runs=[WELL, Seen()]), "none", None),
        ({"_Started": True, "_Attempt": ATTEMPTS}, Seen_(runs=[WELL, LOST]), "collect", "Failed"),
        ({"_Started": True, "TransformJobStatus": "Stopping"}, Seen_(runs=[READY, WELL]), "stop", None),
        (
            {"_Started": True, "TransformJobStatus": "Stopping"},
            Seen_(runs=[WELL, LOST]),
            "withdraw",
            "Stopped",
        ),
        (
            {"_Started": True, "TransformJobStatus": "Stopping"},
            Seen_(runs=[READY], fresh=True),
            "stop",
            None,
        ),
        (
            {"_Started": True, "_Kept": {}, "TransformJobStatus": "Stopping"},
            Seen_(runs=[WELL]),
            "withdraw",
            "Stopped",
        ),
        ({"_Kept": {}, "TransformJobStatus": "Stopping"}, Seen_(), "withdraw", "Stopped"),
        ({"TransformJobStatus": "Completed"}, Seen_(left=True), "remove", None),
        ({"TransformJobStatus": "Completed"}, Seen_(), "none", None),
    ],
)
def test_each_state_of_the_world_has_its_step(
    world: World, doc: Document, seen: Seen_, effect: str, status: str | None
) -> None:
    step = next_step(create(world, **doc), seen, NOON)
    assert step.effect == effect
    assert step.write.get("TransformJobStatus") == status


def test_a_host_that_does_not_stop_is_killed(world: World) -> None:
    job = create(world, _Started=True, TransformJobStatus="Stopping")
    seen = Seen_(runs=[READY])
    assert next_step(job, seen, NOON + timedelta(seconds=30)).effect == "stop"
    assert next_step(job, seen, NOON + timedelta(seconds=31)).effect == "kill"


def test_the_objects_are_shared_out_and_the_container_is_told(world: World) -> None:
    job = create(world)
    tend(world)
    first, second = f"{job.uid}-1-1", f"{job.uid}-1-2"
    assert (names(world, first), names(world, second)) == (["a.csv", "d.csv"], ["b/c.csv"])
    spec = world.runtime.specs[first]
    assert spec.gang == (first, second) and spec.program == "serve" and not spec.network and not spec.waits
    assert spec.transform and spec.transform.items[1].uri == "s3://box/in/d.csv"
    assert (spec.transform.concurrency, spec.transform.payload_mb, spec.transform.retries) == (None, 3, 3)
    told = {name: value for name, value in spec.environment.items() if not name.startswith("AWS_")}
    assert told == {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": "600",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "3",
        "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
        "WHO": "job",
        "WHAT": "model",
    }


def test_a_job_runs_to_its_end_with_its_logs_and_leaves_no_run(world: World) -> None:
    job = create(world, TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1})
    tend(world)
    uid = f"{job.uid}-1-1"
    world.later()
    world.runtime.printed[uid], world.runtime.said[uid] = b"serving\n", b"MaxConcurrentTransforms=1\n"
    world.runtime.used[uid] = b'{"time": 1793534400000, "cpu": 50.0}\n'
    world.runtime.reach(uid, "ready", NOON)
    tend(world)
    assert world.reread(job).doc["TransformStartTime"] == NOON
    end(world, uid, WELL, "a.csv", "b/c.csv", "d.csv")
    world.later()
    tend(world)
    assert world.reread(job).doc["TransformJobStatus"] == "Completed"
    assert sorted(outputs(world)) == ["a.csv.out", "b/c.csv.out", "d.csv.out"]
    assert world.log(GROUP) == ["serving", "MaxConcurrentTransforms=1"]
    streams = [each.name for each in world.means.logs.streams(ACCOUNT, REGION, GROUP, limit=9)]
    assert streams[0].startswith("j/i-") and streams[1] == f"{streams[0]}/data-log"
    subject = subject_of([("Host", streams[0])])
    series = Series(ACCOUNT, REGION, GROUP, "CPUUtilization", subject, "Percent", STANDARD)
    assert [list(each.values) for each in world.means.metrics.read(series)] == [[50.0]]
    assert not world.runtime.seen


def test_what_a_lost_host_left_is_shared_out_and_nothing_is_done_twice(world: World) -> None:
    job = create(world)
    tend(world)
    end(world, f"{job.uid}-1-1", LOST, "a.csv")
    end(world, f"{job.uid}-1-2", WELL, "b/c.csv")
    world.later()
    tend(world)
    again = f"{job.uid}-2-1"
    assert names(world, again) == ["d.csv"] and f"{job.uid}-2-2" not in world.runtime.specs
    assert world.runtime.specs[again].gang == ()
    end(world, again, WELL, "d.csv")
    world.later()
    tend(world)
    assert world.reread(job).doc["TransformJobStatus"] == "Completed"
    assert outputs(world) == {
        "a.csv.out": "a.csv by 1-1",
        "b/c.csv.out": "b/c.csv by 1-2",
        "d.csv.out": "d.csv by 2-1",
    }
    assert not world.runtime.seen


def test_a_job_that_fails_keeps_what_went_well_and_says_what_did_not(world: World) -> None:
    job = create(world)
    tend(world)
    end(world, f"{job.uid}-1-1", BAD, "d.csv")
    end(world, f"{job.uid}-1-2", WELL, "b/c.csv")
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert (doc["TransformJobStatus"], doc["FailureReason"]) == ("Failed", "ClientError: box/in/a: 400")
    assert sorted(outputs(world)) == ["b/c.csv.out", "d.csv.out"]


def test_an_output_is_in_s3_once_it_is_finished_and_put_once(world: World) -> None:
    job = create(world)
    tend(world)
    first, second = f"{job.uid}-1-1", f"{job.uid}-1-2"
    end(world, first, READY, "a.csv")
    end(world, second, READY)
    world.later()
    tend(world)
    assert outputs(world) == {"a.csv.out": "a.csv by 1-1"}
    world.means.objects.put("box", "out/a.csv.out", b"somebody else's by now")
    end(world, first, LOST, "a.csv")
    end(world, second, WELL, "b/c.csv")
    world.later()
    tend(world)
    end(world, f"{job.uid}-2-1", WELL, "d.csv")
    world.later()
    tend(world)
    assert world.reread(job).doc["TransformJobStatus"] == "Completed"
    assert outputs(world) == {
        "a.csv.out": "somebody else's by now",
        "b/c.csv.out": "b/c.csv by 1-2",
        "d.csv.out": "d.csv by 2-1",
    }


def test_what_a_job_put_before_it_was_stopped_is_taken_back_and_nothing_else(world: World) -> None:
    job = create(world)
    tend(world)
    end(world, f"{job.uid}-1-1", READY, "a.csv", "d.csv")
    world.later()
    tend(world)
    assert sorted(outputs(world)) == ["a.csv.out", "d.csv.out"]
    world.means.objects.put("box", "out/a.csv.out", b"somebody else's by now")
    world.means.objects.put("box", "out/b/c.csv.out", b"an earlier job's")
    world.records.update(world.reread(job), {"TransformJobStatus": "Stopping"}, due=world.clock.now())
    tend(world)
    end(world, f"{job.uid}-1-1", LOST, "a.csv", "d.csv")
    end(world, f"{job.uid}-1-2", WELL, "b/c.csv")
    world.later()
    tend(world)
    assert world.reread(job).doc["TransformJobStatus"] == "Stopped"
    assert outputs(world) == {"a.csv.out": "somebody else's by now", "b/c.csv.out": "an earlier job's"}


@pytest.mark.parametrize("effect", ["publish", "collect"])
def test_what_was_put_is_taken_back_though_the_stop_came_before_it_was_written_down(
    world: World, effect: str
) -> None:
    job = create(world)
    tend(world)
    end(world, f"{job.uid}-1-1", WELL, "a.csv", "d.csv")
    end(world, f"{job.uid}-1-2", WELL, "b/c.csv")
    TransformJobs(world.means).act(world.reread(job), Step(effect=effect))
    assert sorted(outputs(world)) == ["a.csv.out", "b/c.csv.out", "d.csv.out"]
    world.records.update(world.reread(job), {"TransformJobStatus": "Stopping"}, due=world.clock.now())
    tend(world)
    assert world.reread(job).doc["TransformJobStatus"] == "Stopped" and not outputs(world)


def test_a_job_that_is_stopped_keeps_nothing(world: World) -> None:
    job = create(world)
    tend(world)
    world.records.update(world.reread(job), {"TransformJobStatus": "Stopping"}, due=world.clock.now())
    tend(world)
    assert ("stop", f"{job.uid}-1-2") in world.runtime.calls
    end(world, f"{job.uid}-1-1", LOST, "a.csv")
    end(world, f"{job.uid}-1-2", WELL, "b/c.csv")
    world.later()
    tend(world)
    assert world.reread(job).doc["TransformJobStatus"] == "Stopped" and not outputs(world)


def test_a_manifest_names_the_objects_and_the_captured_ones_are_listed(world: World) -> None:
    world.means.objects.put(
        "box", "list", json.dumps([{"prefix": "s3://box/"}, "in/a.csv", "other/x.csv"]).encode()
    )
    source = {"S3DataType": "ManifestFile", "S3Uri": "s3://box/list"}
    given = {**REQUEST["TransformInput"], "DataSource": {"S3DataSource": source}, "CompressionType": "Gzip"}
    capture = {"DestinationS3Uri": "s3://box/kept/", "GenerateInferenceId": True}
    job = create(world, TransformInput=given, DataCaptureConfig=capture)
    tend(world)
    transform = world.runtime.specs[f"{job.uid}-1-1"].transform
    assert transform and transform.gunzip and transform.inference_time == "2026-11-01T12:00:00Z"
    end(world, f"{job.uid}-1-1", WELL, "in/a.csv")
    end(world, f"{job.uid}-1-2", WELL, "other/x.csv")
    world.later()
    tend(world)
    kept = {info.key: json.loads(info.path.read_text()) for info in world.means.objects.each("box", "kept/")}
    hour = f"2026/11/01/12/{job.uid}.json"
    assert kept == {
        f"kept/input/{hour}": [{"prefix": "s3://box/"}, "in/a.csv", "other/x.csv"],
        f"kept/output/{hour}": [{"prefix": "s3://box/out/"}, "in/a.csv.out", "other/x.csv.out"],
    }


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://box/none/", "ClientError: Data download failed:S3 key: none/ matched no files on s3://box/"),
        ("s3://box/secret", "ClientError: Data download failed:the role"),
        ("s3://gone/x", "ClientError: Data download failed:s3://gone/x"),
    ],
)
def test_a_job_without_objects_that_it_may_read_fails_and_says_so(world: World, uri: str, words: str) -> None:
    world.means.objects.put("box", "secret", b"1")
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    given = {**REQUEST["TransformInput"], "DataSource": {"S3DataSource": source}}
    job = create(world, TransformInput=given)
    tend(world)
    doc = world.reread(job).doc
    assert doc["TransformJobStatus"] == "Failed" and doc["FailureReason"].startswith(words)
    assert "TransformEndTime" in doc and not world.runtime.specs


def test_an_output_that_may_not_be_written_fails_the_job(world: World) -> None:
    job = create(world, TransformOutput={"S3OutputPath": "s3://gone/out"})
    tend(world)
    end(world, f"{job.uid}-1-1", WELL, "a.csv")
    end(world, f"{job.uid}-1-2", WELL)
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert doc["TransformJobStatus"] == "Failed"
    assert doc["FailureReason"].startswith("ClientError: Artifact upload failed:s3://gone/out/a.csv.out")

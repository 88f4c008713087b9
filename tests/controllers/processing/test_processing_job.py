"""The life of a processing job: decisions as a table, and the whole of it over a real store."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import ACCOUNT, LEASE_OVER, NOON, REGION, ROLE, DyingRecords, Killed, World

from clary.controllers.processing.plan import run_uids
from clary.controllers.processing.processing_job import World as Asked
from clary.controllers.processing.processing_job import next_step
from clary.controllers.processing.processing_job_world import GROUP, ProcessingJobs
from clary.core.document import Document
from clary.resources.processing.processing_job import PROCESSING_JOB
from clary.runtime.spec import Seen
from clary.store.metrics import Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.records import Record

HERE = "/opt/ml/processing"
REQUEST: Document = {
    "ProcessingJobName": "j",
    "RoleArn": ROLE,
    "AppSpecification": {
        "ImageUri": "image", "ContainerEntrypoint": ["python3", "x.py"], "ContainerArguments": ["--a"]
    },
    "Environment": {"WHO": "me"},
    "ProcessingResources": {
        "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    },
    "ProcessingInputs": [
        {
            "InputName": "in",
            "S3Input": {"S3Uri": "s3://box/in/", "S3DataType": "S3Prefix", "LocalPath": f"{HERE}/in"},
        }
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {
                "OutputName": "out",
                "S3Output": {"S3Uri": "s3://box/o/", "S3UploadMode": "EndOfJob", "LocalPath": f"{HERE}/out"},
            },
            {"OutputName": "own", "AppManaged": True},
        ]
    },
}  # fmt: skip
RUNNING = Seen(phase="running", started=NOON)
WELL = Seen(phase="exited", started=NOON, ended=NOON, exit_code=0, message="said")
BAD = Seen(phase="exited", started=NOON, ended=NOON, exit_code=1, failure="AlgorithmError: KeyError: 'x'")
LOST = Seen(
    phase="exited", started=NOON, ended=NOON, failure="InternalServerError: The host is gone.", lost=True
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path)
    for key in ("in/a.csv", "in/b.csv", "in/c.csv"):
        made.means.objects.put("box", key, key.encode())
    return made


def create(world: World, **members: object) -> Record:
    return world.records.create(PROCESSING_JOB, {**REQUEST, **members}, due=world.clock.now())


def tend(world: World) -> None:
    while world.tend([ProcessingJobs(world.means)]):
        pass


def cluster(count: int) -> Document:
    return {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1}}


def end(world: World, uid: str, seen: Seen, **files: str) -> None:
    """Let a run end, with files in its first output."""
    folder = world.root / uid / "out" / "output-1"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    world.runtime.seen[uid] = replace(seen, outputs={"output-1": folder} if files else {})


def outputs(world: World) -> dict[str, bytes]:
    found = world.means.objects.each("box", "o/")
    return {each.key: each.path.read_bytes() for each in found}


def test_a_job_runs_and_its_outputs_are_put_once(world: World) -> None:
    job = create(world)
    tend(world)
    (uid,) = run_uids(job)
    spec = world.runtime.specs[uid]
    assert (spec.program, spec.command, spec.arguments) == ("process", ("python3", "x.py"), ("--a",))
    assert [each.target for each in spec.inputs] == [f"processing/in/{name}.csv" for name in "abc"]
    assert [each.directory for each in spec.outputs] == ["processing/out"] and spec.network
    assert spec.environment["WHO"] == "me"
    world.runtime.seen[uid] = RUNNING
    world.runtime.printed[uid] = b"one\ntwo"
    world.later()
    tend(world)
    assert world.reread(job).doc["ProcessingStartTime"] == NOON
    end(world, uid, WELL, made="x")
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert (doc["ProcessingJobStatus"], doc["ExitMessage"]) == ("Completed", "said")
    assert doc["ProcessingEndTime"] == NOON and "FailureReason" not in doc
    assert outputs(world) == {"o/made": b"x"}
    assert world.log(GROUP) == ["one", "two"]
    assert uid not in world.runtime.seen and world.reread(job).due is None


def test_a_place_is_the_same_however_it_is_written(world: World) -> None:
    out = {"S3Uri": "s3://box/o", "S3UploadMode": "EndOfJob", "LocalPath": "/opt//ml/./processing//out/"}
    job = create(world, ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": out}]})
    tend(world)
    (uid,) = run_uids(job)
    assert [each.directory for each in world.runtime.specs[uid].outputs] == ["processing/out"]


def test_a_manifest_names_what_is_placed(world: World) -> None:
    manifest = json.dumps([{"prefix": "s3://box/in/"}, "c.csv", "a.csv"]).encode()
    world.means.objects.put("box", "list", manifest)
    source = {"S3Uri": "s3://box/list", "S3DataType": "ManifestFile", "LocalPath": f"{HERE}/in/"}
    job = create(world, ProcessingInputs=[{"InputName": "in", "S3Input": source}])
    tend(world)
    (uid,) = run_uids(job)
    targets = [each.target for each in world.runtime.specs[uid].inputs]
    assert targets == ["processing/in/c.csv", "processing/in/a.csv"]


def test_what_a_host_uses_is_a_metric_of_the_jobs_own_namespace(world: World) -> None:
    job = create(world)
    tend(world)
    (uid,) = run_uids(job)
    world.runtime.seen[uid] = RUNNING
    at = int(NOON.timestamp() * 1000)
    world.runtime.used[uid] = json.dumps({"time": at, "cpu": 50.0, "memory": 10.0}).encode() + b"\n"
    world.later()
    tend(world)
    subject = subject_of([("Host", "j/algo-1")])
    series = Series(ACCOUNT, REGION, GROUP, "CPUUtilization", subject, "Percent", STANDARD)
    assert [list(each.values) for each in world.means.metrics.read(series, at)] == [[50.0]]


def test_the_program_is_told_of_its_job_and_its_hosts(world: World) -> None:
    job = create(world, ProcessingResources=cluster(2))
    tend(world)
    first, second = (world.runtime.specs[uid] for uid in run_uids(job))
    told = json.loads(second.files["config/resourceconfig.json"])
    assert told == {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}
    told = json.loads(first.files["config/processingjobconfig.json"])
    assert told["ProcessingJobArn"] == job.arn and told["Environment"] == {"WHO": "me"}
    assert told["ProcessingInputs"][0]["S3Input"] == {
        **REQUEST["ProcessingInputs"][0]["S3Input"],
        "S3DataDistributionType": "FullyReplicated",
        "S3InputMode": "File",
        "S3CompressionType": "None",
        "S3DownloadMode": "StartOfJob",
    }
    assert told["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    assert first.gang == second.gang == run_uids(job)


def test_hosts_share_what_is_sharded_and_the_first_failure_decides(world: World) -> None:
    sharded = {**REQUEST["ProcessingInputs"][0]["S3Input"], "S3DataDistributionType": "ShardedByS3Key"}
    job = create(
        world, ProcessingResources=cluster(2), ProcessingInputs=[{"InputName": "in", "S3Input": sharded}]
    )
    tend(world)
    one, two = run_uids(job)
    placed = [[each.target[-5:] for each in world.runtime.specs[uid].inputs] for uid in (one, two)]
    assert placed == [["a.csv", "c.csv"], ["b.csv"]]
    world.runtime.seen |= {one: RUNNING, two: BAD}
    world.later()
    tend(world)
    assert ("stop", one) in world.runtime.calls
    end(world, one, replace(WELL, ended=NOON + timedelta(seconds=1)), both="1", first="1")
    end(world, two, BAD, both="2", second="2")
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert doc["FailureReason"] == "AlgorithmError: algo-2: KeyError: 'x'"
    assert outputs(world) == {"o/both": b"1", "o/first": b"1", "o/second": b"2"}


def test_a_continuous_output_is_kept_while_the_job_runs(world: World) -> None:
    out = {**REQUEST["ProcessingOutputConfig"]["Outputs"][0]["S3Output"], "S3UploadMode": "Continuous"}
    job = create(world, ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": out}]})
    tend(world)
    (uid,) = run_uids(job)
    assert world.runtime.specs[uid].saved == ("processing/out",) and not world.runtime.specs[uid].outputs
    world.runtime.seen[uid] = RUNNING
    world.runtime.written[uid, "processing/out"] = {"part": b"1"}
    world.later()
    tend(world)
    assert outputs(world) == {"o/part": b"1"}
    world.runtime.seen[uid] = WELL
    world.runtime.written[uid, "processing/out"] = {"part": b"2", "last": b"3"}
    world.later()
    tend(world)
    assert outputs(world) == {"o/part": b"2", "o/last": b"3"}
    assert world.reread(job).status == "Completed"


def test_a_continuous_output_that_cannot_be_whole_says_so(world: World) -> None:
    out = {**REQUEST["ProcessingOutputConfig"]["Outputs"][0]["S3Output"], "S3UploadMode": "Continuous"}
    job = create(world, ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": out}]})
    tend(world)
    (uid,) = run_uids(job)
    world.runtime.seen[uid] = WELL
    world.runtime.written[uid, "processing/out"] = {"part": b"1"}
    world.runtime.never = ("/opt/ml/processing/out/d lies deep; what is in it is not taken",)
    world.later()
    tend(world)
    assert outputs(world) == {"o/part": b"1"}
    doc = world.reread(job).doc
    assert doc["ProcessingJobStatus"] == "Failed"
    assert "An output is not whole: /opt/ml/processing/out/d lies deep" in doc["FailureReason"]


@pytest.mark.parametrize("mode", ["EndOfJob", "Continuous"])
def test_an_output_that_is_refused_fails_the_job(world: World, mode: str) -> None:
    out = {"S3Uri": "s3://gone/o", "S3UploadMode": mode, "LocalPath": f"{HERE}/out"}
    job = create(world, ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": out}]})
    tend(world)
    (uid,) = run_uids(job)
    world.runtime.written[uid, "processing/out"] = {"part": b"1"}
    end(world, uid, WELL, made="x")
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert doc["ProcessingJobStatus"] == "Failed" and doc["FailureReason"].startswith("ClientError: ")
    assert "s3://gone/o/" in doc["FailureReason"]


def test_a_file_that_cannot_be_kept_keeps_no_other_from_s3(world: World) -> None:
    places = {"one": "s3://gone/o", "two": "s3://box/o"}
    made = [
        {
            "OutputName": name,
            "S3Output": {"S3Uri": uri, "S3UploadMode": "EndOfJob", "LocalPath": f"{HERE}/{name}"},
        }
        for name, uri in places.items()
    ]
    job = create(world, ProcessingOutputConfig={"Outputs": made})
    tend(world)
    (uid,) = run_uids(job)
    folders = {name: world.root / uid / "out" / name for name in ("output-1", "output-2")}
    for folder in folders.values():
        folder.mkdir(parents=True)
        (folder / "x").write_text("1")
    (folders["output-2"] / os.fsdecode(b"\xff")).touch()
    world.runtime.seen[uid] = replace(WELL, outputs=folders)
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert doc["ProcessingJobStatus"] == "Failed" and "s3://gone/o/x" in doc["FailureReason"]
    assert outputs(world) == {"o/x": b"1"}


def test_a_name_that_no_key_can_have_is_told(world: World) -> None:
    job = create(world)
    tend(world)
    (uid,) = run_uids(job)
    end(world, uid, WELL, **{os.fsdecode(b"\xff"): "1", "good": "2"})
    world.later()
    tend(world)
    reason = world.reread(job).doc["FailureReason"]
    assert r"s3://box/o/\udcff" in reason and "another name" in reason and "bucket again" not in reason
    assert outputs(world) == {"o/good": b"2"}


def test_a_stopped_job_stays_stopped_and_says_what_was_not_kept(world: World) -> None:
    out = {"S3Uri": "s3://gone/o", "S3UploadMode": "EndOfJob", "LocalPath": f"{HERE}/out"}
    job = create(
        world,
        ProcessingJobStatus="Stopping",
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": out}]},
    )
    (uid,) = run_uids(job)
    end(world, uid, WELL, made="x")
    tend(world)
    doc = world.reread(job).doc
    assert doc["ProcessingJobStatus"] == "Stopped" and "s3://gone/o/made" in doc["FailureReason"]


def test_a_refused_continuous_output_keeps_no_other_from_s3(world: World) -> None:
    made = [
        {
            "OutputName": name,
            "S3Output": {
                "S3Uri": f"s3://{name}/o",
                "S3UploadMode": "Continuous",
                "LocalPath": HERE + "/" + name,
            },
        }
        for name in ("gone", "box")
    ]
    job = create(world, ProcessingOutputConfig={"Outputs": made})
    tend(world)
    (uid,) = run_uids(job)
    world.runtime.seen[uid] = RUNNING
    for name in ("gone", "box"):
        world.runtime.written[uid, f"processing/{name}"] = {"part": b"1"}
    world.later()
    tend(world)
    assert outputs(world) == {"o/part": b"1"}
    world.runtime.written[uid, "processing/box"] = {"last": b"2"}
    world.runtime.seen[uid] = WELL
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert doc["ProcessingJobStatus"] == "Failed" and "s3://gone/o/part" in doc["FailureReason"]
    assert outputs(world) == {"o/part": b"1", "o/last": b"2"}


def test_outputs_that_take_long_are_put_over_several_looks(world: World) -> None:
    job = create(world)
    tend(world)
    (uid,) = run_uids(job)
    end(world, uid, WELL, **{os.fsdecode(b"\xff"): "0", "a": "1", "b": "2"})
    slow, seen = ProcessingJobs(world.means, collects_for=0.0), []
    world.later()
    while world.tend([slow]):
        seen.append(len(outputs(world)))
    assert {1, 2} <= set(seen)
    doc = world.reread(job).doc
    assert doc["ProcessingJobStatus"] == "Failed" and "another name" in doc["FailureReason"]


def test_a_file_is_put_once(world: World) -> None:
    (world.root / "made").write_text("1")
    objects = world.means.as_role(ROLE)
    objects.keep("s3://box/o/made", world.root / "made")
    first = world.means.objects.get("box", "o/made")
    objects.keep("s3://box/o/made", world.root / "made")
    assert world.means.objects.get("box", "o/made") == first


def test_data_that_went_away_fails_the_job_before_it_runs(world: World) -> None:
    absent = {**REQUEST["ProcessingInputs"][0]["S3Input"], "S3Uri": "s3://box/absent"}
    job = create(world, ProcessingInputs=[{"InputName": "in", "S3Input": absent}])
    tend(world)
    doc = world.reread(job).doc
    assert doc["ProcessingJobStatus"] == "Failed" and "matched no files" in doc["FailureReason"]
    assert not world.runtime.specs and "ProcessingStartTime" not in doc


def test_who_waits_for_a_job_is_woken_by_its_end(world: World) -> None:
    job = create(world, _Parent="parent", ProcessingJobStatus="Stopping")
    assert ProcessingJobs(world.means).look(job, NOON).wake == "parent"


def _record(**members: object) -> Record:
    return Record(
        uid="u", service="sagemaker", kind="ProcessingJob", account="0", region="r", key="j", name="j",
        arn="a", doc={**REQUEST, "ProcessingJobStatus": "InProgress", **members}, version=1, created=NOON,
        modified=NOON, due=NOON, status=str(members.get("ProcessingJobStatus", "InProgress")),
        status_since=NOON,
    )  # fmt: skip


STOPPING = {"ProcessingJobStatus": "Stopping"}
LIMIT = {"StoppingCondition": {"MaxRuntimeInSeconds": 60}}
STEPS: dict[str, tuple[Document, Asked, float, str, Document]] = {
    "begins": ({}, Asked(), 0, "start", {"_Started": True}),
    "is queued": ({}, Asked(run=Seen(phase="queued")), 0, "none", {}),
    "has no data": ({}, Asked(fault="ClientError: no"), 0, "none", {"FailureReason": "ClientError: no"}),
    "is stopped before": (STOPPING, Asked(), 0, "none", {"ProcessingJobStatus": "Stopped"}),
    "is asked to stop": (STOPPING, Asked(run=RUNNING), 149, "stop", {}),
    "does not stop": (STOPPING, Asked(run=RUNNING), 151, "kill", {}),
    "runs for long": (LIMIT, Asked(run=RUNNING), 59, "none", {"ProcessingStartTime": NOON}),
    "runs for too long": (LIMIT, Asked(run=RUNNING), 61, "none", {"ProcessingJobStatus": "Stopping"}),
    "ran for too long": (
        {**LIMIT, "ProcessingJobStatus": "Stopping", "_Stop": "MaxRuntimeExceeded"},
        Asked(run=BAD),
        62,
        "none",
        {
            "ProcessingJobStatus": "Stopped",
            "FailureReason": "MaxRuntimeExceeded: the job ran for longer than its MaxRuntimeInSeconds, 60 s, "
            "and was stopped. Raise it in StoppingCondition.",
        },
    ),
    "waits for its log": ({}, Asked(run=WELL, logged=False), 0, "none", {}),
    "fails": ({}, Asked(run=BAD), 0, "none", {"FailureReason": "AlgorithmError: KeyError: 'x'"}),
    "never ran": ({"_Started": True}, Asked(), 0, "remove", {"_Attempt": 2}),
    "never ran twice": (
        {"_Started": True, "_Attempt": 2},
        Asked(),
        0,
        "none",
        {
            "ProcessingJobStatus": "Failed",
            "FailureReason": "InternalServerError: The run was lost: its processes are gone, and nothing "
            "tells how they ended. Create the job again to repeat it.",
        },
    ),
    "lost its host": ({"_Started": True}, Asked(run=LOST), 0, "none", {"ProcessingJobStatus": "Failed"}),
    "has ended": ({"ProcessingJobStatus": "Completed"}, Asked(run=WELL), 0, "remove", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", STEPS)
def test_a_job_that(case: str) -> None:
    members, asked, seconds, effect, write = STEPS[case]
    step = next_step(_record(**members), asked, NOON + timedelta(seconds=seconds))
    assert step.effect == effect
    assert {member: step.write.get(member) for member in write} == write


def test_a_job_survives_its_controllers_death_between_every_effect_and_its_write(tmp_path: Path) -> None:
    for at in range(20):
        world = World.make(tmp_path / str(at))
        world.means.objects.put("box", "in/a.csv", b"a")
        job = create(world)
        (uid,) = run_uids(job)
        died = False
        for _ in range(30):
            records = world.records if died else DyingRecords(world.records, at)
            try:
                world.tend([ProcessingJobs(world.means)], "b" if died else "a", records=records)
            except Killed:
                died = True
                world.later(LEASE_OVER)
            if uid in world.runtime.seen and world.runtime.seen[uid].phase == "starting":
                end(world, uid, WELL, made="x")
            world.later()
        assert world.reread(job).status == "Completed"
        assert outputs(world) == {"o/made": b"x"}
        if not died:
            return
    pytest.fail("the job's life has more steps than this test has deaths")

"""What is decided about training jobs, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from clary.controllers.reasons import clip, failure_reason
from clary.controllers.training.training_job import World, next_step
from clary.core.document import Document
from clary.runtime.spec import Phase, Seen
from clary.store.records import Record

BORN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
NOON = BORN + timedelta(minutes=5)
STARTED = BORN + timedelta(minutes=1)


def job(since: datetime = BORN, /, **members: object) -> Record:
    doc: Document = {
        "TrainingJobName": "j",
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Starting",
        "CreationTime": BORN,
        "LastModifiedTime": BORN,
        "OutputDataConfig": {"S3OutputPath": "s3://b/out/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **members,
    }
    return Record(
        uid="u",
        service="sagemaker",
        kind="TrainingJob",
        account="0",
        region="r",
        key="j",
        name="j",
        arn="arn",
        version=1,
        doc=doc,
        status=doc["TrainingJobStatus"],
        status_since=since,
        created=BORN,
        modified=BORN,
        due=BORN,
    )


def ended(code: int | None, **members: object) -> World:
    fields: Document = {"started": STARTED, "ended": STARTED + timedelta(seconds=10, microseconds=1)}
    return World(run=Seen(phase="exited", exit_code=code, **{**fields, **members}))


def statuses(write: Document) -> list[str]:
    return [each["Status"] for each in write["SecondaryStatusTransitions"]]


@pytest.mark.parametrize(
    ("members", "world", "effect"),
    [
        ({}, World(), "start"),
        ({"_Started": True}, World(run=Seen(phase="queued")), "none"),
        ({"_Started": True}, World(run=Seen(phase="running", started=STARTED)), "none"),
        ({"_Started": True}, World(), "remove"),  # lost before it ran: once more
        ({"TrainingJobStatus": "Stopping"}, World(run=Seen(phase="running", started=STARTED)), "stop"),
        ({"TrainingJobStatus": "Completed"}, ended(0), "remove"),
        ({"TrainingJobStatus": "Completed"}, World(), "none"),
        ({}, ended(0, outputs={"model.tar.gz": Path("m")}), "collect"),
        ({}, ended(0), "none"),
    ],
)
def test_each_situation_has_its_one_effect(members: Document, world: World, effect: str) -> None:
    assert next_step(job(NOON, **members), world, NOON).effect == effect


def test_only_a_settled_job_without_a_run_is_left_alone() -> None:
    assert next_step(job(TrainingJobStatus="Completed"), World(), NOON).again is None
    phases: tuple[Phase, ...] = (
        "absent", "queued", "building", "starting", "preparing", "running", "packing", "exited",
    )  # fmt: skip
    for status in ("InProgress", "Stopping"):
        for phase in phases:
            step = next_step(job(TrainingJobStatus=status), World(run=Seen(phase=phase)), NOON)
            assert step.again is not None, (status, phase)


def test_a_job_that_ended_between_two_looks_still_tells_its_whole_course() -> None:
    write = next_step(job(), ended(0, outputs={"model.tar.gz": Path("m")}), NOON).write
    assert statuses(write) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    spans = write["SecondaryStatusTransitions"]
    assert all(each["EndTime"] == after["StartTime"] for each, after in pairwise(spans))
    assert write["TrainingJobStatus"] == write["SecondaryStatus"] == "Completed"
    assert write["ModelArtifacts"] == {"S3ModelArtifacts": "s3://b/out/j/output/model.tar.gz"}
    assert (write["TrainingStartTime"], write["BillableTimeInSeconds"]) == (STARTED, 11)


def test_nothing_is_settled_before_the_whole_log_is_kept() -> None:
    world = World(run=ended(0).run, logged=False)
    assert next_step(job(), world, NOON).write == {}


def test_an_idle_look_at_a_running_job_writes_nothing() -> None:
    running = World(run=Seen(phase="running", started=STARTED))
    first = next_step(job(), running, NOON).write
    assert statuses(first) == ["Starting", "Downloading", "Training"]
    assert next_step(job(**first), running, NOON + timedelta(seconds=1)).write == {}


def test_notes_of_the_runtime_reach_the_status_message() -> None:
    world = World(run=Seen(phase="queued", note="third in the queue"))
    (transition,) = next_step(job(_Started=True), world, NOON).write["SecondaryStatusTransitions"]
    assert transition["StatusMessage"] == "Starting the training job (third in the queue)"


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (ended(1, failure="ValueError: no rows"), "AlgorithmError: ValueError: no rows, exit code: 1"),
        (ended(None, signal=9, failure="killed"), "AlgorithmError: killed, exit code: 137"),
        (ended(1, started=None, failure="no such image"), "ClientError: no such image"),
        (ended(0, failure="InternalServerError: no room"), "InternalServerError: no room"),
    ],
)
def test_a_failed_run_says_whose_fault_it_was(world: World, reason: str) -> None:
    write = next_step(job(), world, NOON).write
    assert (write["TrainingJobStatus"], write["FailureReason"]) == ("Failed", reason)


def test_a_long_reason_keeps_its_beginning_its_end_and_the_exit_code() -> None:
    text = failure_reason(Seen(phase="exited", started=STARTED, exit_code=3, failure="A" + "x" * 5000 + "Z"))
    assert len(text) == 1024
    assert text.startswith("AlgorithmError: A") and text.endswith("Z, exit code: 3")
    assert clip("short") == "short"


def test_data_that_is_not_there_fails_the_job_before_it_starts() -> None:
    step = next_step(job(), World(fault="ClientError: Data download failed:x"), NOON)
    assert step.effect == "none"
    assert step.write["FailureReason"] == "ClientError: Data download failed:x"
    assert statuses(step.write) == ["Starting", "Failed"]


def test_a_job_over_its_runtime_is_stopped_and_says_so_in_the_end() -> None:
    late = STARTED + timedelta(seconds=3601)
    stopping = next_step(
        job(TrainingStartTime=STARTED), World(run=Seen(phase="running", started=STARTED)), late
    )
    assert stopping.write["TrainingJobStatus"] == "Stopping"
    end = next_step(job(late, **stopping.write), ended(0, outputs={"model.tar.gz": Path("m")}), late).write
    assert (end["TrainingJobStatus"], end["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert "ModelArtifacts" in end
    assert end["SecondaryStatusTransitions"][-1]["StatusMessage"] == (
        "Training job runtime exceeded MaxRuntimeInSeconds (3600 s; raise it, or save checkpoints on SIGTERM)"
    )


def test_what_was_left_out_or_given_up_is_said_in_the_end() -> None:
    run = replace(ended(0).run, note="x is a link that points out of model and was left out.")
    write = next_step(job(), World(run=run, remark="no metric m: why"), NOON).write
    assert write["SecondaryStatusTransitions"][-1]["StatusMessage"] == (
        "Training job completed (the program left nothing in /opt/ml/model, so there is no model.tar.gz; "
        "x is a link that points out of model and was left out; no metric m: why)"
    )


def test_a_stopping_job_is_killed_after_its_grace() -> None:
    world = World(run=Seen(phase="running", started=STARTED))
    stopping = job(NOON, TrainingJobStatus="Stopping")
    assert next_step(stopping, world, NOON + timedelta(seconds=149)).effect == "stop"
    assert next_step(stopping, world, NOON + timedelta(seconds=151)).effect == "kill"


def test_a_job_stopped_before_it_began_is_just_stopped() -> None:
    write = next_step(job(TrainingJobStatus="Stopping"), World(), NOON).write
    assert write["TrainingJobStatus"] == write["SecondaryStatus"] == "Stopped"
    assert "TrainingStartTime" not in write


def test_a_lost_run_begins_again_only_if_its_program_never_ran() -> None:
    again = next_step(job(_Started=True), World(), NOON)
    assert (again.write["_Attempt"], again.remove) == (2, ("_Started",))
    twice = next_step(job(_Started=True, _Attempt=2), World(), NOON)
    assert twice.write["TrainingJobStatus"] == "Failed"
    ran = next_step(job(_Started=True, _Ran=True, TrainingStartTime=STARTED), World(), NOON)
    assert ran.write["FailureReason"].startswith("InternalServerError: The run was lost")


def test_a_run_that_could_not_be_had_is_tried_once_more_and_then_says_why_itself() -> None:
    words = "InternalServerError: The image own could not be built: no six. Put it into find-links."
    world = ended(None, failure=words, started=None)
    assert next_step(job(_Started=True), world, NOON).write["_Attempt"] == 2
    step = next_step(job(_Started=True, _Attempt=2), world, NOON)
    assert (step.write["TrainingJobStatus"], step.write["FailureReason"]) == ("Failed", words)
    lost = ended(None, failure="InternalServerError: The host is gone.", started=None, lost=True)
    reason = next_step(job(_Started=True, _Attempt=2), lost, NOON).write["FailureReason"]
    assert reason.startswith("InternalServerError: The run was lost: The host is gone. Create the job again")


def test_a_lost_run_begins_again_as_often_as_its_retry_strategy_says() -> None:
    ran: Document = {"_Started": True, "_Ran": True, "RetryStrategy": {"MaximumRetryAttempts": 1}}
    assert next_step(job(**ran), World(), NOON).write["_Attempt"] == 2
    assert next_step(job(**ran, _Attempt=2), World(), NOON).write["TrainingJobStatus"] == "Failed"


def test_waiting_for_too_long_ends_a_spot_job() -> None:
    condition = {"StoppingCondition": {"MaxRuntimeInSeconds": 10, "MaxWaitTimeInSeconds": 60}}
    waiting = next_step(job(**condition, _Started=True), World(run=Seen(phase="queued")), NOON)
    assert waiting.write["_Stop"] == "MaxWaitTimeExceeded"
    end = next_step(job(NOON, **{**condition, **waiting.write}), World(), NOON).write
    assert (end["TrainingJobStatus"], end["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")

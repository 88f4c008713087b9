"""What happens to a step next, as a table of what was seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.controllers.worlds import NOON

from clary.controllers.pipelines.naming import mark, name_of
from clary.controllers.pipelines.step import LONGEST, TRIES, Begin, End, World, calm, next_step, troubled
from clary.controllers.step import Step
from clary.core.document import Document
from clary.store.records import Record

AGAIN = [{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 10, "MaxAttempts": 2}]
LOST = End(status="Failed", reason="InternalServerError: the host was lost")


def step(status: str = "Starting", **members: Any) -> Record:
    doc: Document = {
        "StepStatus": status,
        "AttemptCount": 1,
        "StartTime": NOON,
        "_Parent": "execution",
        **members,
    }
    return Record(
        uid="u",
        service="sagemaker",
        kind="PipelineExecutionStep",
        account="1",
        region="r",
        key="k",
        name="n",
        arn="a",
        version=1,
        doc=doc,
        status=status,
        status_since=NOON,
        created=NOON,
        modified=NOON,
        due=NOON,
    )


def decided(record: Record, world: World, policies: Any = ()) -> Step:
    return next_step(record, world, policies, NOON)


def test_a_step_that_may_begin_begins() -> None:
    begin = Begin(arguments={"a": 1})
    assert decided(step(), World(begin=begin)) is begin


def test_a_step_that_is_stopped_before_it_began_is_stopped_and_tells_its_execution() -> None:
    told = decided(step("Stopping"), World())
    assert (told.write["StepStatus"], told.wake, told.again) == ("Stopped", "execution", None)


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Stopped"])
def test_an_end_is_written_told_and_final(status: Any) -> None:
    told = decided(step("Executing", _Begun=True), World(end=End(status=status, reason="because")))
    assert (told.write["StepStatus"], told.write["EndTime"], told.wake) == (status, NOON, "execution")
    assert told.write.get("FailureReason") == ("because" if status == "Failed" else None)
    assert decided(step(status), World()).again is None


def test_a_reason_that_is_too_long_is_cut() -> None:
    told = decided(step("Executing", _Begun=True), World(end=End(status="Failed", reason="x" * 5000)))
    assert len(told.write["FailureReason"]) == LONGEST


def test_what_runs_is_told_to_stop_once_and_then_waited_for() -> None:
    first = decided(step("Stopping", _Begun=True), World(stops=True))
    assert (first.effect, first.write) == ("stop", {"_Told": True})
    assert decided(step("Stopping", _Begun=True, _Told=True), World(stops=True)).effect == "none"
    assert decided(step("Stopping", _Begun=True), World(stops=False)).effect == "none"


def test_what_ends_well_while_it_is_to_stop_has_succeeded_and_what_fails_is_stopped() -> None:
    stopping = step("Stopping", _Begun=True, _Told=True)
    assert decided(stopping, World(end=End(status="Succeeded"))).write["StepStatus"] == "Succeeded"
    assert decided(stopping, World(end=LOST), AGAIN).write["StepStatus"] == "Stopped"


def test_a_failure_that_a_policy_is_for_begins_another_attempt_later() -> None:
    told = decided(step("Executing", _Begun=True), World(end=LOST), AGAIN)
    assert told.write["AttemptCount"] == 2
    assert told.write["StepStatus"] == "Starting"
    assert told.again is not None and told.again >= timedelta(seconds=10)
    assert set(told.remove) == {"_Begun", "_Told"}
    waiting = step(AttemptCount=2, _RetryAt=NOON + timedelta(seconds=7))
    assert decided(waiting, World()).again == timedelta(seconds=7)


def test_a_failure_that_is_final_or_tried_often_enough_is_the_end() -> None:
    final = End(status="Failed", reason=LOST.reason, final=True)
    assert decided(step("Executing", _Begun=True), World(end=final), AGAIN).write["StepStatus"] == "Failed"
    often = step("Executing", _Begun=True, AttemptCount=3)
    assert decided(often, World(end=LOST), AGAIN).write["StepStatus"] == "Failed"


def test_only_what_succeeded_of_itself_is_kept_for_the_cache() -> None:
    parts = {"Type": "Training"}
    told = decided(step("Executing", _Begun=True, _Parts=parts), World(end=End(status="Succeeded")))
    assert told.effect == "keep"
    hit = End(status="Succeeded", members={"CacheHitResult": {}})
    assert decided(step(), World(end=hit)).effect == "none"


def test_a_mistake_of_ours_is_tried_again_later_each_time_and_fails_the_step_in_the_end() -> None:
    record, waits = step(), []
    while (told := troubled(record, KeyError("InstanceCount"), NOON)).again is not None:
        waits.append(told.again)
        record = step(**told.write)
    assert len(waits) == TRIES - 1
    assert waits == sorted(set(waits))
    assert told.write["StepStatus"] == "Failed"
    assert told.write["FailureReason"] == "InternalServerError: KeyError: 'InstanceCount'"
    assert told.wake == "execution"
    assert "_Troubles" in calm(record, Step()).remove
    assert calm(record, Begin()).remove == ()


@pytest.mark.parametrize("limit", [32, 63, 256])
@pytest.mark.parametrize("step_name", ["A", "With_Underscores_And-" + "x" * 60, "_"])
@pytest.mark.parametrize("prefix", ["", "Mine", "y" * 80])
def test_names_fit_and_follow_from_step_and_attempt(limit: int, step_name: str, prefix: str) -> None:
    letters = mark("uid", 1)
    name = name_of("abcdefghijkl", step_name, letters, limit=limit, prefix=prefix)
    assert len(name) <= limit
    assert name.endswith(letters)
    assert "abcdefghijkl" in name
    assert all(letter.isalnum() or letter == "-" for letter in name)
    assert name[0] != "-"
    assert mark("uid", 2) != letters == mark("uid", 1)

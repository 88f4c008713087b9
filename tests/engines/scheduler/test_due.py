"""When a schedule's time has come, and what it may call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clary.core.document import Document
from clary.engines.scheduler import target
from clary.engines.scheduler.due import Due, due, later

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OFF: Document = {"Mode": "OFF"}


def case(
    expression: str, now: datetime, *, last: datetime | None = None, since: datetime = NOON, **more: object
) -> Due:
    doc = {"ScheduleExpression": expression, "FlexibleTimeWindow": OFF, "Target": {}, **more}
    return due(doc, "uid", NOON, since, last, now)


def test_a_rate_begins_at_once_and_goes_on() -> None:
    assert case("rate(5 minutes)", NOON) == Due(at=NOON)
    assert case("rate(5 minutes)", NOON, last=NOON) == Due(look=NOON + 5 * MINUTE)
    assert case("rate(5 minutes)", NOON + 5 * MINUTE, last=NOON) == Due(at=NOON + 5 * MINUTE)


def test_a_rate_begins_at_its_start_date() -> None:
    start = NOON + 3 * MINUTE
    assert case("rate(5 minutes)", NOON, StartDate=start) == Due(look=start)
    assert case("rate(5 minutes)", start, StartDate=start) == Due(at=start)


def test_a_rate_that_is_put_anew_does_not_begin_again() -> None:
    since = NOON + 2 * MINUTE
    assert case("rate(5 minutes)", since, last=NOON, since=since) == Due(look=NOON + 5 * MINUTE)


def test_nothing_is_due_behind_the_end_date() -> None:
    end = NOON + 6 * MINUTE
    assert case("rate(5 minutes)", NOON + 5 * MINUTE, last=NOON, EndDate=end) == Due(at=NOON + 5 * MINUTE)
    assert case("rate(5 minutes)", NOON + 5 * MINUTE, last=NOON + 5 * MINUTE, EndDate=end) == Due()


def test_a_moment_comes_once() -> None:
    at = NOON + MINUTE
    assert case("at(2026-11-23T12:01:00)", NOON) == Due(look=at)
    assert case("at(2026-11-23T12:01:00)", at + 2 * MINUTE) == Due(at=at)
    assert case("at(2026-11-23T12:01:00)", at + 2 * MINUTE, last=at) == Due()
    assert case("at(2026-11-23T13:01:00)", NOON, ScheduleExpressionTimezone="Europe/Berlin").look == at
    assert case("at(2026-11-23T11:58:00)", NOON) == Due()


def test_a_first_time_that_is_just_over_is_acted_on() -> None:
    soon = NOON - timedelta(seconds=2)  # a client's own clock, as the SDK's triggers send it
    assert case("rate(1 day)", NOON, StartDate=soon) == Due(at=soon)
    assert case("rate(1 day)", NOON, StartDate=soon, last=soon) == Due(look=soon + timedelta(days=1))
    assert case("at(2026-11-23T11:59:58)", NOON) == Due(at=soon)
    assert case("cron(59 11 * * ? *)", NOON).at is None


def test_of_times_that_were_missed_the_last_one_counts_if_it_is_not_too_old() -> None:
    assert case("rate(5 minutes)", NOON + 23 * MINUTE, last=NOON) == Due(at=NOON + 20 * MINUTE)
    policy = {"RetryPolicy": {"MaximumEventAgeInSeconds": 120}}
    late = case("rate(5 minutes)", NOON + 23 * MINUTE, last=NOON, Target=policy)
    assert late == Due(look=NOON + 25 * MINUTE)
    assert case("at(2026-11-23T12:01:00)", NOON + timedelta(days=2)) == Due()


def test_a_flexible_window_moves_a_time_within_it_always_alike() -> None:
    doc: Document = {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10}}
    moved = {later(doc, f"{number:032x}", NOON) for number in range(50)}
    assert len(moved) > 20 and all(timedelta(0) <= each < 10 * MINUTE for each in moved)
    wait = later(doc, "uid", NOON)
    window = doc["FlexibleTimeWindow"]
    assert case("rate(1 day)", NOON, FlexibleTimeWindow=window) == Due(look=NOON + wait)
    assert case("rate(1 day)", NOON + wait, FlexibleTimeWindow=window) == Due(at=NOON)


@pytest.mark.parametrize("more", [{}, {"Target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 60}}}])
def test_no_time_is_left_out_where_windows_are_longer_than_the_time_between(more: Document) -> None:
    more = {**more, "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}}
    now, last = NOON, None
    acted: list[tuple[datetime, datetime]] = []
    while len(acted) < 100:
        found = case("rate(1 minute)", now, last=last, **more)
        if found.at is not None:
            last = found.at
            acted.append((found.at, now))
        else:
            assert found.look is not None and found.look > now
            now = found.look
    assert [at for at, _ in acted] == [NOON + number * MINUTE for number in range(100)]
    assert all(at <= when < at + 15 * MINUTE for at, when in acted)
    assert len({when for _, when in acted}) > 20


def test_a_time_whose_window_is_over_counts_if_it_was_the_last_of_these() -> None:
    window: Document = {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10}}
    assert case("rate(1 minute)", NOON + 30 * MINUTE, last=NOON, **window) == Due(at=NOON + 20 * MINUTE)
    policy = {"RetryPolicy": {"MaximumEventAgeInSeconds": 120}}
    late = case("at(2026-11-23T12:01:00)", NOON + 30 * MINUTE, Target=policy, **window)
    assert late == Due()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"Arn": "arn:aws:states:r:1:stateMachine:s"}, "there are SageMaker pipelines"),
        ({"Arn": "arn:aws:logs:r:1:log-group:/aws/events/x"}, "there are SageMaker pipelines"),
        ({"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances"}, "Operations of ec2"),
        ({"Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:listModels"}, "only reads"),
        ({"Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:stopTrainingJob", "Input": "[]"}, "JSON object"),
        ({"Arn": "arn:aws:events:r:1:event-bus/default"}, "EventBridgeParameters are needed"),
        ({"Arn": "arn:aws:sqs:r:1:q", "KinesisParameters": {}}, "KinesisParameters"),
        ({"Arn": "arn:aws:sqs:r:2:q"}, "another account"),
    ],
)
def test_a_target_that_cannot_be_called_is_refused(wanted: Document, why: str) -> None:
    assert why in target.fault(wanted, "1", "r")


def test_an_operation_may_be_called_by_its_name() -> None:
    arn = "arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution"
    assert target.operation(arn) == "sagemaker:StartPipelineExecution"
    assert target.fault({"Arn": arn, "Input": '{"PipelineName": "p"}'}, "1", "r") == ""
    assert target.operation("arn:aws:sqs:r:1:q") is None


def test_a_targets_input_may_ask_for_the_time() -> None:
    text = '{"at": "<aws.scheduler.scheduled-time>", "x": "<aws.scheduler.other>"}'
    assert target.body(text, {"scheduled-time": "T"}) == '{"at": "T", "x": "<aws.scheduler.other>"}'

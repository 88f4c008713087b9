"""CloudWatch Logs as boto3 and the SDKs' log readers see it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def logs(server: Server) -> Any:
    return server.client("logs")


@pytest.fixture
def group(logs: Any) -> str:
    name = f"/aws/sagemaker/Tests/{uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name, tags={"team": "a"})
    return name


@pytest.fixture
def now() -> int:
    return int(time.time() * 1000) - 60_000


def put(logs: Any, group: str, stream: str, *events: tuple[int, str]) -> None:
    if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    batch = [{"timestamp": at, "message": message} for at, message in events]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)


def said(answer: Any) -> list[str]:
    return [event["message"] for event in answer["events"]]


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**request)
    code: str = error.value.response["Error"]["Code"]
    return code


def test_a_group_is_created_described_retained_tagged_and_deleted(logs: Any, group: str) -> None:
    [told] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert told["arn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
    assert "retentionInDays" not in told
    assert refused(logs.create_log_group, logGroupName=group) == "ResourceAlreadyExistsException"
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    [told] = logs.describe_log_groups(logGroupNamePattern=group.rsplit("/", 1)[-1])["logGroups"]
    assert told["retentionInDays"] == 7
    assert refused(logs.put_retention_policy, logGroupName=group, retentionInDays=8) == (
        "InvalidParameterException"
    )
    logs.delete_retention_policy(logGroupName=group)
    arn = told["logGroupArn"]
    logs.tag_resource(resourceArn=arn, tags={"cost": "b"})
    logs.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"cost": "b"}
    logs.delete_log_group(logGroupName=group)
    assert refused(logs.delete_log_group, logGroupName=group) == "ResourceNotFoundException"


def test_a_missing_group_or_stream_is_not_found(logs: Any, group: str) -> None:
    missing = "ResourceNotFoundException"
    assert refused(logs.describe_log_streams, logGroupName="absent") == missing
    assert refused(logs.filter_log_events, logGroupName="absent") == missing
    assert refused(logs.get_log_events, logGroupName=group, logStreamName="absent") == missing
    event = {"timestamp": int(time.time() * 1000), "message": "m"}
    assert (
        refused(logs.put_log_events, logGroupName=group, logStreamName="absent", logEvents=[event]) == missing
    )


def test_polling_forward_repeats_the_token_at_the_end(logs: Any, group: str, now: int) -> None:
    put(logs, group, "s", *[(now + n, f"line {n}") for n in range(3)])
    place = {"logGroupName": group, "logStreamName": "s"}
    first = logs.get_log_events(**place, startFromHead=True, limit=2)
    second = logs.get_log_events(**place, startFromHead=True, nextToken=first["nextForwardToken"])
    end = logs.get_log_events(**place, startFromHead=True, nextToken=second["nextForwardToken"])
    assert [said(a) for a in (first, second, end)] == [["line 0", "line 1"], ["line 2"], []]
    assert end["nextForwardToken"] == second["nextForwardToken"]
    put(logs, group, "s", (now + 9, "late"))
    assert said(logs.get_log_events(**place, nextToken=end["nextForwardToken"])) == ["late"]
    newest = logs.get_log_events(**place, limit=1)
    assert said(newest) == ["late"]
    assert said(logs.get_log_events(**place, limit=1, nextToken=newest["nextBackwardToken"])) == ["line 2"]


def test_streams_are_listed_by_their_last_event(logs: Any, group: str, now: int) -> None:
    for number, name in enumerate(("b", "a", "c")):
        put(logs, group, name, (now + number, "m"))
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group, orderBy="LastEventTime", descending=True, PaginationConfig={"PageSize": 2}
    )
    streams = [stream for page in pages for stream in page["logStreams"]]
    assert [stream["logStreamName"] for stream in streams] == ["c", "a", "b"]
    assert streams[0]["lastEventTimestamp"] == now + 2
    assert (
        refused(
            logs.describe_log_streams, logGroupName=group, orderBy="LastEventTime", logStreamNamePrefix="a"
        )
        == "InvalidParameterException"
    )


def test_a_filter_interleaves_streams_and_pages(logs: Any, group: str, now: int) -> None:
    put(logs, group, "one", (now, "ERROR a"), (now + 20, "INFO b"))
    put(logs, group, "two", (now + 10, '{"level": "ERROR"}'), (now + 30, "ERROR d"))
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, interleaved=True, PaginationConfig={"PageSize": 3}
    )
    events = [event for page in pages for event in page["events"]]
    assert [event["message"] for event in events] == ["ERROR a", '{"level": "ERROR"}', "INFO b", "ERROR d"]
    assert [event["logStreamName"] for event in events] == ["one", "two", "one", "two"]
    assert len({event["eventId"] for event in events}) == 4
    place = {"logGroupName": group}
    assert said(logs.filter_log_events(**place, filterPattern="ERROR", logStreamNames=["one"])) == ["ERROR a"]
    assert said(logs.filter_log_events(**place, filterPattern='{ $.level = "ERROR" }')) == [
        '{"level": "ERROR"}'
    ]
    window = logs.filter_log_events(**place, startTime=now + 10, endTime=now + 20)
    assert said(window) == ['{"level": "ERROR"}', "INFO b"]
    assert said(logs.filter_log_events(**place, startFromHead=False, limit=1)) == ["ERROR d"]
    assert refused(logs.filter_log_events, **place, filterPattern="[a, b]") == "InvalidParameterException"
    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["logGroupArn"]
    assert len(logs.filter_log_events(logGroupIdentifier=arn)["events"]) == 4


def test_events_out_of_order_or_far_from_now_are_not_taken(logs: Any, group: str, now: int) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    place = {"logGroupName": group, "logStreamName": "s"}
    backwards = [{"timestamp": now, "message": "a"}, {"timestamp": now - 1, "message": "b"}]
    assert refused(logs.put_log_events, **place, logEvents=backwards) == "InvalidParameterException"
    old = now - 15 * 86_400_000
    told = logs.put_log_events(**place, logEvents=[{"timestamp": old, "message": "a"}])
    assert told["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert said(logs.get_log_events(**place)) == []

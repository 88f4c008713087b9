"""Schedules and their groups by boto3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from clary.operations.bootstrap import EXECUTION_ROLE

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT, REGION = "000000000000", "us-east-1"
LATER = datetime(2096, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def scheduler(server: Server) -> Any:
    return server.client("scheduler")


@pytest.fixture(scope="module")
def role(server: Server) -> str:
    return str(server.client("iam").get_role(RoleName=EXECUTION_ROLE)["Role"]["Arn"])


def request(role: str, **more: Any) -> dict[str, Any]:
    return {
        "Name": f"schedule-{uuid4().hex[:16]}",
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "StartDate": LATER,
        "Target": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": role, "Input": "{}"},
        **more,
    }


def refused(call: Any, **asked: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**asked)
    response = caught.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"]["Message"],
    )


def test_a_schedule_is_made_told_of_replaced_and_deleted(scheduler: Any, role: str) -> None:
    asked = request(role, Description="d")
    arn = scheduler.create_schedule(**asked)["ScheduleArn"]
    assert arn == f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{asked['Name']}"
    told = scheduler.get_schedule(Name=asked["Name"])
    assert told.items() >= asked.items()
    assert (told["GroupName"], told["State"], told["ActionAfterCompletion"]) == ("default", "ENABLED", "NONE")
    assert told["ScheduleExpressionTimezone"] == "UTC"
    anew = {**asked, "ScheduleExpression": "cron(0 9 * * ? *)", "ScheduleExpressionTimezone": "Asia/Tokyo"}
    del anew["Description"]
    assert scheduler.update_schedule(**anew)["ScheduleArn"] == arn
    told = scheduler.get_schedule(Name=asked["Name"])
    assert told["ScheduleExpressionTimezone"] == "Asia/Tokyo" and "Description" not in told
    scheduler.delete_schedule(Name=asked["Name"])
    assert refused(scheduler.get_schedule, Name=asked["Name"])[:2] == (404, "ResourceNotFoundException")
    assert refused(scheduler.update_schedule, **anew)[:2] == (404, "ResourceNotFoundException")


def test_one_token_makes_one_schedule(scheduler: Any, role: str) -> None:
    asked = request(role, ClientToken="t-1")
    first = scheduler.create_schedule(**asked)
    assert scheduler.create_schedule(**asked)["ScheduleArn"] == first["ScheduleArn"]
    again = refused(scheduler.create_schedule, **{**asked, "ClientToken": "t-2"})
    assert again[:2] == (409, "ConflictException")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"ScheduleExpression": "daily"}, "Invalid Schedule Expression daily"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "no time zone"),
        ({"EndDate": LATER - timedelta(days=1)}, "must come after the StartDate"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"}, "KmsKeyArn"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(
    scheduler: Any, role: str, more: dict[str, Any], why: str
) -> None:
    status, code, message = refused(scheduler.create_schedule, **request(role, **more))
    assert (status, code) == (400, "ValidationException") and why in message


@pytest.mark.parametrize(
    ("operation", "text", "why"),
    [
        ("sagemaker:createTrainingJob", '{"TrainingJobStatus": "Completed"}', "no member TrainingJobStatus"),
        ("events:putEvents", '{"Entries": [], "_Forwarded": {}}', "has no member _Forwarded"),
        ("events:putEvents", '{"Entries": [{"_Hosts": 1}]}', "has no member _Hosts"),
        ("lambda:invoke", '{"FunctionName": "f", "Payload": {}}', "Invoke.Payload must be a text"),
        ("sqs:sendMessage", '{"QueueUrl": 1}', "SendMessage.QueueUrl"),
        ("sqs:sendNothing", "{}", "sqs has no operation SendNothing"),
        ("sqs:sendMessage", "[]", "JSON object"),
    ],
)
def test_a_request_has_what_its_operation_takes(
    scheduler: Any, role: str, operation: str, text: str, why: str
) -> None:
    target = {"Arn": f"arn:aws:scheduler:::aws-sdk:{operation}", "RoleArn": role, "Input": text}
    status, code, message = refused(scheduler.create_schedule, **request(role, Target=target))
    assert (status, code) == (400, "ValidationException") and why in message


def test_a_role_must_let_the_scheduler_in(scheduler: Any) -> None:
    status, code, message = refused(
        scheduler.create_schedule, **request(f"arn:aws:iam::{ACCOUNT}:role/nobody")
    )
    assert (status, code) == (400, "ValidationException")
    assert "must allow AWS EventBridge Scheduler to assume the role" in message


def test_schedules_are_listed_by_group_state_and_page(scheduler: Any, role: str) -> None:
    group = f"group-{uuid4().hex[:16]}"
    made = scheduler.create_schedule_group(Name=group, Tags=[{"Key": "a", "Value": "b"}])
    for letter, state in zip("abc", ("ENABLED", "DISABLED", "ENABLED"), strict=True):
        scheduler.create_schedule(**request(role, Name=letter, GroupName=group, State=state))
    first = scheduler.list_schedules(GroupName=group, MaxResults=2)
    rest = scheduler.list_schedules(GroupName=group, MaxResults=2, NextToken=first["NextToken"])
    assert [each["Name"] for each in (*first["Schedules"], *rest["Schedules"])] == ["a", "b", "c"]
    off = scheduler.list_schedules(GroupName=group, State="DISABLED")["Schedules"]
    assert [each["Name"] for each in off] == ["b"]
    assert off[0]["Target"] == {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}
    arn = made["ScheduleGroupArn"]
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    scheduler.delete_schedule_group(Name=group)
    assert refused(scheduler.list_schedules, GroupName=group)[:2] == (404, "ResourceNotFoundException")
    assert refused(scheduler.get_schedule, GroupName=group, Name="a")[1] == "ResourceNotFoundException"


def test_groups_are_made_told_of_and_tagged(scheduler: Any) -> None:
    group = f"group-{uuid4().hex[:16]}"
    arn = scheduler.create_schedule_group(Name=group)["ScheduleGroupArn"]
    told = scheduler.get_schedule_group(Name=group)
    assert (told["Arn"], told["State"]) == (arn, "ACTIVE")
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert refused(scheduler.create_schedule_group, Name=group)[1] == "ConflictException"
    names = [each["Name"] for each in scheduler.list_schedule_groups(NamePrefix=group)["ScheduleGroups"]]
    assert names == [group]
    assert scheduler.get_schedule_group(Name="default")["State"] == "ACTIVE"
    assert refused(scheduler.delete_schedule_group, Name="default")[1] == "ValidationException"

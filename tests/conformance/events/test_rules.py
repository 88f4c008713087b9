"""Rules, targets, buses and events by boto3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT, REGION = "000000000000", "us-east-1"
PATTERN = json.dumps({"source": [f"mine.{uuid4().hex}"]})
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:any"


@pytest.fixture
def events(server: Server) -> Any:
    return server.client("events")


def name() -> str:
    return f"rules-{uuid4().hex}"


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_rule_is_put_described_switched_and_deleted(events: Any) -> None:
    rule = name()
    arn = events.put_rule(Name=rule, EventPattern=PATTERN, Description="d")["RuleArn"]
    assert arn == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"
    told = events.describe_rule(Name=rule)
    assert {k: v for k, v in told.items() if k != "ResponseMetadata"} == {
        "Name": rule,
        "Arn": arn,
        "EventPattern": PATTERN,
        "State": "ENABLED",
        "Description": "d",
        "EventBusName": "default",
        "CreatedBy": ACCOUNT,
    }
    events.disable_rule(Name=rule)
    assert events.describe_rule(Name=rule)["State"] == "DISABLED"
    events.enable_rule(Name=rule)
    assert events.put_rule(Name=rule, ScheduleExpression="rate(1 day)")["RuleArn"] == arn
    told = events.describe_rule(Name=rule)
    assert (told["ScheduleExpression"], "EventPattern" in told, "Description" in told) == (
        "rate(1 day)",
        False,
        False,
    )
    events.delete_rule(Name=rule)
    events.delete_rule(Name=rule)
    assert refused(events.describe_rule, Name=rule) == (
        "ResourceNotFoundException",
        f"Rule {rule} does not exist on EventBus default.",
    )


def test_rules_are_listed_by_prefix_and_page(events: Any) -> None:
    prefix = name()
    for letter in "abc":
        events.put_rule(Name=f"{prefix}-{letter}", EventPattern=PATTERN)
    first = events.list_rules(NamePrefix=prefix, Limit=2)
    assert [rule["Name"][-1] for rule in first["Rules"]] == ["a", "b"]
    rest = events.list_rules(NamePrefix=prefix, Limit=2, NextToken=first["NextToken"])
    assert [rule["Name"][-1] for rule in rest["Rules"]] == ["c"]
    assert "NextToken" not in rest


@pytest.mark.parametrize(
    ("request_", "code", "why"),
    [
        ({}, "ValidationException", "EventPattern or ScheduleExpression"),
        ({"EventPattern": "{"}, "InvalidEventPatternException", "Event pattern is not valid. Reason: "),
        ({"EventPattern": '{"a": []}'}, "InvalidEventPatternException", "empty array"),
        ({"ScheduleExpression": "rate(1 minutes)"}, "ValidationException", "ScheduleExpression is not valid"),
        ({"ScheduleExpression": "at(2030-01-01T00:00:00)"}, "ValidationException", "rate(value unit)"),
        (
            {"EventPattern": PATTERN, "State": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"},
            "ValidationException",
            "CloudTrail",
        ),
        ({"EventPattern": PATTERN, "EventBusName": "nobus"}, "ResourceNotFoundException", "nobus"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(events: Any, request_: dict[str, str], code: str, why: str) -> None:
    found = refused(events.put_rule, Name=name(), **request_)
    assert found[0] == code and why in found[1]


def test_targets_are_put_replaced_listed_and_taken_away(events: Any) -> None:
    rule = name()
    events.put_rule(Name=rule, EventPattern=PATTERN)
    mine = f"{QUEUE}-{rule[-12:]}"
    put = events.put_targets(Rule=rule, Targets=[{"Id": "b", "Arn": mine}, {"Id": "a", "Arn": mine}])
    assert (put["FailedEntryCount"], put["FailedEntries"]) == (0, [])
    events.put_targets(Rule=rule, Targets=[{"Id": "a", "Arn": mine, "Input": "1"}])
    assert events.list_targets_by_rule(Rule=rule)["Targets"] == [
        {"Id": "a", "Arn": mine, "Input": "1"},
        {"Id": "b", "Arn": mine},
    ]
    assert events.list_rule_names_by_target(TargetArn=mine)["RuleNames"] == [rule]
    code, why = refused(events.delete_rule, Name=rule)
    assert (code, why) == ("ValidationException", "Rule can't be deleted since it has targets.")
    gone = events.remove_targets(Rule=rule, Ids=["a", "x"])
    assert (gone["FailedEntryCount"], gone["FailedEntries"][0]["TargetId"]) == (1, "x")
    events.remove_targets(Rule=rule, Ids=["b"])
    events.delete_rule(Name=rule)


def test_targets_that_cannot_be_served_are_refused(events: Any) -> None:
    rule = name()
    events.put_rule(Name=rule, EventPattern=PATTERN)
    stream = {"Id": "1", "Arn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"}
    code, why = refused(events.put_targets, Rule=rule, Targets=[stream])
    assert code == "ValidationException" and "there are SageMaker pipelines, Lambda functions" in why
    many = [{"Id": str(number), "Arn": QUEUE} for number in range(6)]
    code, why = refused(events.put_targets, Rule=rule, Targets=many)
    assert code == "LimitExceededException" and "a rule may have 5" in why
    twice = [{"Id": "1", "Arn": QUEUE}, {"Id": "1", "Arn": QUEUE}]
    assert refused(events.put_targets, Rule=rule, Targets=twice)[0] == "ValidationException"
    assert refused(events.put_targets, Rule=name(), Targets=many[:1])[0] == "ResourceNotFoundException"


def test_a_bus_is_no_target_of_its_own_rules(server: Server, events: Any) -> None:
    rule, bus = name(), f"bus-{uuid4().hex}"
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    events.put_rule(Name=rule, EventPattern=PATTERN, EventBusName=bus)
    target = {"Id": "1", "Arn": arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"}
    code, why = refused(events.put_targets, Rule=rule, EventBusName=bus, Targets=[target])
    assert code == "ValidationException" and "is the bus of the rule" in why


def test_a_role_must_let_eventbridge_in(server: Server, events: Any) -> None:
    rule, role = name(), f"role-{uuid4().hex[:16]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = server.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    events.put_rule(Name=rule, EventPattern=PATTERN)
    for given in (made, f"{made}-absent"):
        words = f"Provided role '{given}' cannot be assumed by principal 'events.amazonaws.com'."
        targets = [{"Id": "1", "Arn": QUEUE, "RoleArn": given}]
        assert refused(events.put_targets, Rule=rule, Targets=targets) == ("ValidationException", words)
        asked = {"Name": name(), "EventPattern": PATTERN, "RoleArn": given}
        assert refused(events.put_rule, **asked) == ("ValidationException", words)


def test_each_event_is_judged_by_itself(events: Any) -> None:
    good = {"Source": "mine", "DetailType": "t", "Detail": "{}"}
    told = events.put_events(
        Entries=[
            good,
            {**good, "Detail": "no"},
            {**good, "Detail": "[1]"},
            {"Source": "mine", "Detail": "{}"},
            {**good, "Source": "aws.sagemaker"},
            {**good, "EventBusName": "nobus"},
        ]
    )
    assert told["FailedEntryCount"] == 5
    assert len(told["Entries"][0]["EventId"]) == 36
    assert [entry.get("ErrorCode") for entry in told["Entries"]] == [
        None,
        "MalformedDetail",
        "MalformedDetail",
        "InvalidArgument",
        "NotAuthorizedForSourceException",
        "InvalidArgument",
    ]
    assert "DetailType is a required argument" in told["Entries"][3]["ErrorMessage"]


def test_too_much_at_once_is_refused(events: Any) -> None:
    entry = {"Source": "mine", "DetailType": "t", "Detail": json.dumps({"x": "y" * 600_000})}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    code, why = refused(events.put_events, Entries=[entry, entry])
    assert code == "ValidationException" and "over the limit" in why


def test_a_pattern_may_be_tried(events: Any) -> None:
    event = {
        "id": "1",
        "account": ACCOUNT,
        "source": "mine",
        "time": "2026-11-23T12:00:00Z",
        "region": REGION,
        "resources": [],
        "detail-type": "t",
        "detail": {"n": 3},
    }
    text = json.dumps(event)
    for number, result in ((3, True), (4, False)):
        pattern = json.dumps({"detail": {"n": [number]}})
        assert events.test_event_pattern(EventPattern=pattern, Event=text)["Result"] is result
    code, _ = refused(events.test_event_pattern, EventPattern='{"a": 1}', Event=text)
    assert code == "InvalidEventPatternException"
    code, why = refused(events.test_event_pattern, EventPattern=PATTERN, Event="{}")
    assert code == "ValidationException" and "it has no id" in why


def test_buses_are_made_described_listed_and_deleted(events: Any) -> None:
    bus = f"bus-{uuid4().hex}"
    arn = events.create_event_bus(Name=bus, Description="d")["EventBusArn"]
    assert arn == f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{bus}"
    assert refused(events.create_event_bus, Name=bus)[0] == "ResourceAlreadyExistsException"
    told = events.describe_event_bus(Name=bus)
    assert (told["Name"], told["Arn"], told["Description"]) == (bus, arn, "d")
    assert events.describe_event_bus()["Name"] == "default"
    listed = events.list_event_buses(NamePrefix=bus)["EventBuses"]
    assert [each["Name"] for each in listed] == [bus]
    rule = events.put_rule(Name="r", EventPattern=PATTERN, EventBusName=arn)["RuleArn"]
    assert rule == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{bus}/r"
    assert refused(events.delete_event_bus, Name=bus)[0] == "ValidationException"
    events.delete_rule(Name="r", EventBusName=bus)
    events.delete_event_bus(Name=bus)
    assert refused(events.describe_event_bus, Name=bus)[0] == "ResourceNotFoundException"
    assert refused(events.delete_event_bus, Name="default")[0] == "ValidationException"


def test_rules_have_tags(events: Any) -> None:
    rule = name()
    tags = [{"Key": "a", "Value": "1"}]
    arn = events.put_rule(Name=rule, EventPattern=PATTERN, Tags=tags)["RuleArn"]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert refused(events.list_tags_for_resource, ResourceARN=f"{arn}x")[0] == "ResourceNotFoundException"


def test_who_may_put_which_rule_is_for_policies_to_say(server: Server) -> None:
    iam, user = server.client("iam"), f"events-{uuid4().hex[:12]}"
    iam.create_user(UserName=user)
    may = {
        "Effect": "Allow",
        "Action": ["events:PutRule", "events:PutTargets"],
        "Resource": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{user}-*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_user_policy(UserName=user, PolicyName="may", PolicyDocument=policy)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    keys = {part: key[part] for part in ("AccessKeyId", "SecretAccessKey")}
    events = server.client("events", keys=keys)
    events.put_rule(Name=f"{user}-a", EventPattern=PATTERN)
    code, why = refused(events.put_rule, Name="another", EventPattern=PATTERN)
    assert code == "AccessDeniedException" and "events:PutRule" in why
    role = f"arn:aws:iam::{ACCOUNT}:role/R"
    targets = [{"Id": "1", "Arn": QUEUE, "RoleArn": role}]
    code, why = refused(events.put_targets, Rule=f"{user}-a", Targets=targets)
    assert code == "AccessDeniedException" and f"iam:PassRole on resource: {role}" in why

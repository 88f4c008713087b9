"""kill -9 while much happens: each event that was acknowledged arrives once, and each time comes once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.crash.sending import Send, Sender, storm
from tests.crash.site import Site

ACCOUNT, REGION, ROLE = "000000000000", "us-east-1", "SageMakerExecutionRole"
KILLS = ["controller", "gateway", "controller", "controller"]
LEAST = 20  # events that are acknowledged between two kills, however slow the machine
pytestmark = pytest.mark.slow


def queue(site: Site, name: str) -> tuple[str, str]:
    """Make a queue that takes the events of any rule; return its ARN and its URL."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    principal = {"Service": "events.amazonaws.com"}
    may = {"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    attributes = {"Policy": policy, "VisibilityTimeout": "900"}
    return arn, site.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def taken(sqs: Any, url: str, had: list[str]) -> list[str]:
    """Add what a queue has to what it had."""
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        had += [each["Body"] for each in found]
        handles = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(found)]
        assert sqs.delete_message_batch(QueueUrl=url, Entries=handles)["Failed"] == []
    return had


def test_what_was_acknowledged_reaches_its_target_once(site: Site) -> None:
    events, role = site.client("events"), f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    site.client("s3").create_bucket(Bucket="models")
    site.client("s3").put_object(Bucket="models", Key="model.tar.gz", Body=b"x")
    arn, url = queue(site, "kills")
    either = [{"source": ["mine"]}, {"detail-type": ["SageMaker Model State Change"]}]
    events.put_rule(Name="kills", EventPattern=json.dumps({"$or": either}))
    transformer = {
        "InputPathsMap": {"text": "$.detail.text", "model": "$.detail.ModelName"},
        "InputTemplate": '"<text><model>"',
    }
    events.put_targets(Rule="kills", Targets=[{"Id": "1", "Arn": arn, "InputTransformer": transformer}])

    def putting() -> Send:
        client = site.client("events", attempts=1)

        def put(text: str) -> str:
            entry = {"Source": "mine", "DetailType": "t", "Detail": json.dumps({"text": text})}
            return str(client.put_events(Entries=[entry])["Entries"][0]["EventId"])

        return put

    def making() -> Send:
        client = site.client("sagemaker", attempts=1)
        container = {"Image": "held", "ModelDataUrl": "s3://models/model.tar.gz"}
        return lambda name: client.create_model(
            ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role
        )

    senders = [Sender(f"put{number}", putting, 0.02) for number in range(2)]
    senders += [Sender(f"make{number}", making, 0.02) for number in range(2)]
    told = {f'"{text}"' for text in storm(site, senders, KILLS, LEAST)}
    assert all(sender.acknowledged for sender in senders)
    had: list[str] = []
    sqs = site.client("sqs")
    site.until(lambda: told <= set(taken(sqs, url, had)), "what was acknowledged has arrived")
    assert [text for text, count in Counter(had).items() if count > 1] == []


def test_each_time_of_a_schedule_comes_once(site: Site) -> None:
    scheduler, sqs = site.client("scheduler"), site.client("sqs")
    arn, url = queue(site, "times")
    role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    may = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    site.client("iam").put_role_policy(RoleName=ROLE, PolicyName="times", PolicyDocument=policy)
    names = [f"time-{number}" for number in range(24)]
    for number, name in enumerate(names):
        at = datetime.now(UTC) + timedelta(seconds=8 + number // 6)
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": arn, "RoleArn": role, "Input": json.dumps(name)},
            ActionAfterCompletion="DELETE",
        )
    had: list[str] = []

    def more(than: int) -> bool:
        return len(taken(sqs, url, had)) > than or len(set(had)) == len(names)

    for _ in range(3):
        before = len(had)
        site.until(lambda before=before: more(before), "a time has come")  # type: ignore[misc]  # mypy sees no default
        site.kill("controller")
        site.up()
    site.until(lambda: len(set(taken(sqs, url, had))) == len(names), "all times have come")
    site.until(lambda: not scheduler.list_schedules()["Schedules"], "schedules that are over are gone")
    assert sorted(json.loads(each) for each in taken(sqs, url, had)) == sorted(names)

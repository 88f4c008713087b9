"""Alarms that tell topics, as a subscribed queue hears of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from clary.controllers.cloudwatch.alarm_actions import to_nobody
from clary.controllers.cloudwatch.alarm_topics import to_topics
from clary.core.document import Document
from clary.gateway.inside import Inside
from clary.resources.cloudwatch.alarm import METRIC_ALARM
from clary.store.records import Record

if TYPE_CHECKING:
    from tests.conftest import Server

CHANGE: Document = {
    "Key": "k",
    "At": datetime(2026, 11, 23, 12, tzinfo=UTC),
    "Old": "OK",
    "New": "ALARM",
    "Reason": "Threshold Crossed: 1 datapoint.",
}


def tell(server: Server, alarm: Record, action: str) -> str | None:
    stores, parts = server.stores, server.parts
    inside = Inside(
        settings=parts.settings,
        clock=parts.clock,
        records=stores.records,
        objects=stores.objects,
        logs=stores.logs,
        metrics=stores.metrics,
        audit=parts.audit,
        credentials=stores.credentials,
        authoriser=stores.authoriser,
    )
    return to_topics(inside.call, to_nobody)(alarm, action, CHANGE)


def alarm(server: Server) -> Record:
    name = f"hot-{uuid4().hex[:8]}"
    server.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Dimensions=[{"Name": "EndpointName", "Value": "e"}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
    )
    found = server.stores.records.scoped("000000000000", "us-east-1").find(METRIC_ALARM, name)
    assert found is not None
    return found


def subscribed(server: Server) -> tuple[str, str, Any]:
    """Make a topic with a queue; return the topic's ARN, the queue's URL and its client."""
    name = uuid4().hex
    sns, sqs = server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    return topic, url, sqs


def test_a_topic_is_told_what_changed_and_what_is_watched(server: Server) -> None:
    topic, url, sqs = subscribed(server)
    record = alarm(server)
    assert tell(server, record, topic) is None
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    told = json.loads(message["Body"])
    assert told["Subject"] == f'ALARM: "{record.name}" in US East (N. Virginia)'
    said = json.loads(told["Message"])
    assert (said["OldStateValue"], said["NewStateValue"]) == ("OK", "ALARM")
    assert said["NewStateReason"] == "Threshold Crossed: 1 datapoint."
    assert said["StateChangeTime"] == "2026-11-23T12:00:00.000+0000"
    assert (said["AlarmArn"], said["AWSAccountId"]) == (record.arn, "000000000000")
    trigger = said["Trigger"]
    assert (trigger["MetricName"], trigger["Statistic"], trigger["Threshold"]) == (
        "ModelLatency",
        "AVERAGE",
        5,
    )
    assert trigger["Dimensions"] == [{"value": "e", "name": "EndpointName"}]


def test_topics_that_cannot_be_told_are_said_to_be_so(server: Server) -> None:
    record = alarm(server)
    gone = tell(server, record, "arn:aws:sns:us-east-1:000000000000:gone")
    assert gone is not None and "Topic does not exist" in gone
    other = tell(server, record, "arn:aws:sns:us-east-1:222222222222:theirs")
    assert other is not None and "another account" in other
    nobody = tell(server, record, "arn:aws:lambda:us-east-1:000000000000:function:f")
    assert nobody is not None and "nobody to hand arn:aws:lambda" in nobody

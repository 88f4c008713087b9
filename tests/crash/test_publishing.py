"""kill -9 while many publish: a message that was acknowledged is in every queue, none is in some only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.crash.sending import Send, Sender, storm
from tests.crash.site import Site

ACCOUNT = "000000000000"
KILLS = 3
LEAST = 25  # messages that are acknowledged between two kills, however slow the machine
pytestmark = pytest.mark.slow


def subscribed(site: Site, topic: str, name: str) -> str:
    """Make a queue that gets a topic's messages; return its URL."""
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    url: str = site.client("sqs").create_queue(
        QueueName=name, Attributes={"Policy": text, "VisibilityTimeout": "900"}
    )["QueueUrl"]
    raw = {"RawMessageDelivery": "true"}
    site.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    return url


def emptied(sqs: Any, url: str) -> list[str]:
    """Receive and delete all that a queue has."""
    had: list[str] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        had += [each["Body"] for each in found]
        handles = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(found)]
        assert sqs.delete_message_batch(QueueUrl=url, Entries=handles)["Failed"] == []
    return had


def test_what_is_published_is_in_every_queue_or_in_none(site: Site) -> None:
    topic = site.client("sns").create_topic(Name="crash")["TopicArn"]
    urls = [subscribed(site, topic, f"crash-{number}") for number in range(3)]

    def connect() -> Send:
        client = site.client("sns", attempts=1)
        return lambda text: client.publish(TopicArn=topic, Message=text)

    senders = [Sender(f"publisher-{number}", connect) for number in range(6)]
    told = set(storm(site, senders, ["gateway"] * KILLS, LEAST))
    had = [emptied(site.client("sqs"), url) for url in urls]
    for bodies in had:
        assert len(bodies) == len(set(bodies))
        assert told <= set(bodies)
        assert set(bodies) == set(had[0])

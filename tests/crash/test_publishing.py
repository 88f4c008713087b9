"""kill -9 while many publish: a message that was acknowledged is in every queue, none is in some only."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.crash.site import Site

ACCOUNT = "000000000000"
KILLS = 3
LEAST = 25  # messages that are acknowledged between two kills, however slow the machine
pytestmark = pytest.mark.slow


class Publisher(threading.Thread):
    """Publishes until told to stop, and remembers what was acknowledged."""

    def __init__(self, site: Site, topic: str, number: int) -> None:
        super().__init__(name=f"publisher-{number}")
        self.site, self.topic = site, topic
        self.stopping = threading.Event()
        self.told: list[str] = []

    def run(self) -> None:
        count = 0
        while not self.stopping.is_set():
            try:
                client = self.site.client("sns", attempts=1)
                while not self.stopping.is_set():
                    count += 1
                    client.publish(TopicArn=self.topic, Message=f"{self.name}-{count}")
                    self.told.append(f"{self.name}-{count}")
            except (BotoCoreError, ClientError, OSError, ValueError):  # the server is away
                self.stopping.wait(0.05)


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
    publishers = [Publisher(site, topic, number) for number in range(6)]
    for publisher in publishers:
        publisher.start()
    try:
        for _ in range(KILLS):
            before = sum(len(each.told) for each in publishers)
            site.until(
                lambda before=before: sum(len(each.told) for each in publishers) >= before + LEAST,  # type: ignore[misc]  # mypy sees no default
                "messages are acknowledged",
            )
            site.kill("gateway")
            site.up()
    finally:
        for publisher in publishers:
            publisher.stopping.set()
        for publisher in publishers:
            publisher.join()
    told = {body for publisher in publishers for body in publisher.told}
    had = [emptied(site.client("sqs"), url) for url in urls]
    for bodies in had:
        assert len(bodies) == len(set(bodies))
        assert told <= set(bodies)
        assert set(bodies) == set(had[0])

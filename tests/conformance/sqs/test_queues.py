"""SQS as boto3 sees it: queues, their attributes, and messages on their way."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from sqlalchemy import text

from clary.store.queues.messages import MOST_IN_FLIGHT

if TYPE_CHECKING:
    from tests.conftest import Server

HERE = "arn:aws:sqs:us-east-1:000000000000"
Make = Callable[..., str]


@pytest.fixture(scope="module")
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def make(sqs: Any) -> Make:
    def made(suffix: str = "", **attributes: str) -> str:
        if suffix == ".fifo":
            attributes["FifoQueue"] = "true"
        name = f"q-{uuid4().hex[:10]}{suffix}"
        url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    return made


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def arn_of(url: str) -> str:
    return f"{HERE}:{name_of(url)}"


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**request)
    assert error.value.response["Error"]["Message"]
    code: str = error.value.response["Error"]["Code"]
    return code


def bodies(sqs: Any, url: str, **more: Any) -> list[str]:
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **more).get("Messages", [])
    return [message["Body"] for message in found]


def test_a_queue_is_made_found_listed_and_deleted(sqs: Any, server: Server) -> None:
    name = f"made-{uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "0"}, tags={"a": "1"})["QueueUrl"]
    assert url == f"{server.url}/000000000000/{name}"
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == url
    assert refused(sqs.create_queue, QueueName=name, Attributes={"VisibilityTimeout": "5"}) == (
        "QueueAlreadyExists"
    )
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.list_queues(QueueNamePrefix=name)["QueueUrls"] == [url]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1"}
    sqs.tag_queue(QueueUrl=url, Tags={"b": "2"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as gone:
        sqs.get_queue_url(QueueName=name)
    assert gone.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name)


def test_queues_are_listed_in_pages(sqs: Any) -> None:
    prefix = f"page-{uuid4().hex[:8]}-"
    urls = [sqs.create_queue(QueueName=f"{prefix}{number}")["QueueUrl"] for number in range(5)]
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2}
    )
    found = [page["QueueUrls"] for page in pages]
    assert [len(page) for page in found] == [2, 2, 1]
    assert [url for page in found for url in page] == urls


def test_attributes_have_their_defaults_and_can_be_set(sqs: Any, make: Make) -> None:
    url = make()
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert int(told.pop("CreatedTimestamp")) <= int(told.pop("LastModifiedTimestamp"))
    assert told == {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "QueueArn": arn_of(url),
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7", "DelaySeconds": "1"})
    names = ["VisibilityTimeout", "DelaySeconds", "RedrivePolicy"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert told == {"VisibilityTimeout": "7", "DelaySeconds": "1"}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ({"DelaySeconds": "x"}, "InvalidAttributeValue"),
        ({"MessageRetentionPeriod": "59"}, "InvalidAttributeValue"),
        ({"ContentBasedDeduplication": "true"}, "InvalidAttributeName"),
        ({"QueueArn": "x"}, "InvalidAttributeName"),
        ({"Colour": "red"}, "InvalidAttributeName"),
        ({"Policy": "{}"}, "InvalidParameterValue"),
        ({"RedrivePolicy": "no"}, "InvalidParameterValue"),
        (
            {"RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{HERE}:gone", "maxReceiveCount": 1})},
            "InvalidParameterValue",
        ),
        (
            {"RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{HERE}:gone", "maxReceiveCount": "²"})},
            "InvalidParameterValue",
        ),
    ],
)
def test_attributes_that_cannot_be_are_refused(
    sqs: Any, make: Make, attributes: dict[str, str], code: str
) -> None:
    assert refused(sqs.create_queue, QueueName="never-made", Attributes=attributes) == code
    assert refused(sqs.set_queue_attributes, QueueUrl=make(), Attributes=attributes) == code


def test_names_that_cannot_be_are_refused(sqs: Any) -> None:
    for name in ("a b", "a" * 81, "a.fifo", ""):
        assert refused(sqs.create_queue, QueueName=name) == "InvalidParameterValue"
    fifo = {"FifoQueue": "true"}
    assert refused(sqs.create_queue, QueueName="plain", Attributes=fifo) == "InvalidParameterValue"
    assert refused(sqs.send_message, QueueUrl="http://x/y", MessageBody="a") == "InvalidAddress"


def test_a_message_is_sent_received_and_deleted(sqs: Any, make: Make) -> None:
    url = make()
    attributes = {
        "city": {"DataType": "String", "StringValue": "Genève"},
        "level": {"DataType": "Number.int", "StringValue": "7"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\0\1"},
    }
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="héllo",
        MessageAttributes=attributes,
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2-3"}},
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5("héllo".encode()).hexdigest()  # noqa: S324
    [message] = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "héllo")
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    system = message["Attributes"]
    assert (system["ApproximateReceiveCount"], system["AWSTraceHeader"]) == ("1", "Root=1-2-3")
    assert system["SenderId"]
    assert int(system["SentTimestamp"]) <= int(system["ApproximateFirstReceiveTimestamp"])
    assert bodies(sqs, url) == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert refused(sqs.delete_message, QueueUrl=url, ReceiptHandle="nonsense") == "ReceiptHandleIsInvalid"


def test_the_sum_of_attributes_is_the_one_that_clients_compute(sqs: Any, make: Make) -> None:
    """The figure is the one in the documentation of the algorithm's parts, put together by hand."""
    packed = (
        b"".join(len(part).to_bytes(4, "big") + part for part in (b"a", b"String"))
        + b"\x01"
        + len(b"x").to_bytes(4, "big")
        + b"x"
    )
    sent = sqs.send_message(
        QueueUrl=make(),
        MessageBody="b",
        MessageAttributes={"a": {"DataType": "String", "StringValue": "x"}},
    )
    assert sent["MD5OfMessageAttributes"] == hashlib.md5(packed).hexdigest()  # noqa: S324


def test_only_the_attributes_that_are_asked_for_come_back(sqs: Any, make: Make) -> None:
    url = make(VisibilityTimeout="0")
    value = {"DataType": "String", "StringValue": "x"}
    sqs.send_message(
        QueueUrl=url, MessageBody="b", MessageAttributes={"a.b": value, "a.c": value, "d": value}
    )
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert "MessageAttributes" not in message and "Attributes" not in message
    [message] = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["a.*"], AttributeNames=["ApproximateReceiveCount"]
    )["Messages"]
    assert set(message["MessageAttributes"]) == {"a.b", "a.c"}
    assert message["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_messages_that_cannot_be_are_refused(sqs: Any, make: Make) -> None:
    url = make(MaximumMessageSize="1024")
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="") == "MissingParameter"
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="a\0b") == "InvalidMessageContents"
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="a" * 1025) == "InvalidParameterValue"
    sqs.send_message(QueueUrl=url, MessageBody="a" * 1024)
    for name, value in (
        ("AWS.x", {"DataType": "String", "StringValue": "x"}),
        ("a", {"DataType": "Colour", "StringValue": "x"}),
        ("a", {"DataType": "Number", "StringValue": "x"}),
        ("a", {"DataType": "String"}),
    ):
        call = {"QueueUrl": url, "MessageBody": "b", "MessageAttributes": {name: value}}
        assert refused(sqs.send_message, **call) == "InvalidParameterValue"
    for more in ({"DelaySeconds": 901}, {"MessageDeduplicationId": "x"}):
        assert refused(sqs.send_message, QueueUrl=url, MessageBody="b", **more) == "InvalidParameterValue"
    for more in ({"MaxNumberOfMessages": 11}, {"WaitTimeSeconds": 21}, {"VisibilityTimeout": -1}):
        assert refused(sqs.receive_message, QueueUrl=url, **more) == "InvalidParameterValue"


def test_batches_succeed_and_fail_by_entry(sqs: Any, make: Make) -> None:
    url = make()
    entries = [{"Id": str(n), "MessageBody": f"m{n}" if n != 3 else ""} for n in range(5)]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["0", "1", "2", "4"]
    assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("3", "MissingParameter")]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [each["Body"] for each in found] == ["m0", "m1", "m2", "m4"]
    handles = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(found)]
    changed = sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[{**each, "VisibilityTimeout": 0} for each in handles[:2]]
    )
    assert [each["Id"] for each in changed["Successful"]] == ["0", "1"]
    assert bodies(sqs, url) == ["m0", "m1"]
    answer = sqs.delete_message_batch(
        QueueUrl=url, Entries=[*handles[2:], {"Id": "bad", "ReceiptHandle": "x"}]
    )
    assert [each["Id"] for each in answer["Successful"]] == ["2", "3"]
    assert [each["Code"] for each in answer["Failed"]] == ["ReceiptHandleIsInvalid"]
    prefix = "AWS.SimpleQueueService."
    same = [{"Id": "a", "MessageBody": "x"}] * 2
    assert refused(sqs.send_message_batch, QueueUrl=url, Entries=same) == f"{prefix}BatchEntryIdsNotDistinct"
    assert refused(sqs.send_message_batch, QueueUrl=url, Entries=[]) == f"{prefix}EmptyBatchRequest"
    many = [{"Id": str(n), "MessageBody": "x"} for n in range(11)]
    assert refused(sqs.send_message_batch, QueueUrl=url, Entries=many) == (
        f"{prefix}TooManyEntriesInBatchRequest"
    )


def test_a_message_comes_back_when_nobody_deletes_it(sqs: Any, make: Make) -> None:
    url = make(VisibilityTimeout="1")
    sqs.send_message(QueueUrl=url, MessageBody="again")
    [first] = sqs.receive_message(QueueUrl=url)["Messages"]
    [second] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, VisibilityTimeout=600)["Messages"]
    assert second["Body"] == "again"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])  # not the newest: nothing happens
    counted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    for seconds, counts in ((600, ["0", "1"]), (0, ["1", "0"])):
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=seconds
        )
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counted)["Attributes"]
        assert list(told.values()) == counts


def test_a_delayed_message_comes_later(sqs: Any, make: Make) -> None:
    url, soon = make(), make()
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=900)
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert told["Attributes"] == {"ApproximateNumberOfMessagesDelayed": "1"}
    assert bodies(sqs, url) == []
    before = time.monotonic()
    sqs.send_message(QueueUrl=soon, MessageBody="soon", DelaySeconds=1)
    assert bodies(sqs, soon, WaitTimeSeconds=20) == ["soon"]
    assert time.monotonic() - before > 0.9


def test_who_waits_is_answered_when_a_message_comes(sqs: Any, server: Server, make: Make) -> None:
    url, other = make(ReceiveMessageWaitTimeSeconds="20", VisibilityTimeout="600"), make()
    found: list[str] = []

    def wait() -> None:
        [message] = server.client("sqs").receive_message(QueueUrl=url)["Messages"]
        found.append(message["Body"])

    threads = [threading.Thread(target=wait) for _ in range(24)]
    for thread in threads:
        thread.start()
    for number in range(24):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), DelaySeconds=number % 2)
        sqs.send_message(QueueUrl=other, MessageBody="for nobody")
    for thread in threads:
        thread.join(30)
    assert sorted(map(int, found)) == list(range(24))


def test_who_is_gone_takes_nothing(sqs: Any, server: Server, make: Make) -> None:
    url = make()
    hasty = server.client("sqs", config={"read_timeout": 0.5})
    with pytest.raises(ReadTimeoutError):
        hasty.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    sqs.send_message(QueueUrl=url, MessageBody="for who is there")
    assert bodies(sqs, url, WaitTimeSeconds=10) == ["for who is there"]


def test_who_waits_in_vain_is_answered_in_the_end(sqs: Any, make: Make) -> None:
    before = time.monotonic()
    assert bodies(sqs, make(), WaitTimeSeconds=1) == []
    assert time.monotonic() - before > 0.9


def test_dead_letters_go_to_their_queue(sqs: Any, make: Make) -> None:
    dead, url = make(), make(VisibilityTimeout="0")
    policy = {"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": "2"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    sent = sqs.send_message(QueueUrl=url, MessageBody="poison")
    assert bodies(sqs, url) == ["poison"]
    assert bodies(sqs, url) == ["poison"]
    assert bodies(sqs, url) == []
    [message] = sqs.receive_message(QueueUrl=dead, MessageSystemAttributeNames=["All"])["Messages"]
    assert (message["MessageId"], message["Attributes"]["DeadLetterQueueSourceArn"]) == (
        sent["MessageId"],
        arn_of(url),
    )
    assert message["Attributes"]["ApproximateReceiveCount"] == "3"
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    closed = json.dumps({"redrivePermission": "denyAll"})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": closed})
    again = {"RedrivePolicy": json.dumps(policy)}
    assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes=again) == "InvalidParameterValue"


def test_a_purge_leaves_nothing_and_is_not_repeated_soon(sqs: Any, make: Make) -> None:
    url = make()
    sqs.send_message(QueueUrl=url, MessageBody="a")
    sqs.purge_queue(QueueUrl=url)
    assert bodies(sqs, url) == []
    assert refused(sqs.purge_queue, QueueUrl=url) == "AWS.SimpleQueueService.PurgeQueueInProgress"


def send(sqs: Any, url: str, body: str, group: str = "g", **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, **more)
    return answer


def test_a_fifo_queue_keeps_the_order_of_each_group(sqs: Any, make: Make) -> None:
    url = make(".fifo", ContentBasedDeduplication="true")
    for body in ("a1", "a2", "a3"):
        send(sqs, url, body, "a")
    send(sqs, url, "b1", "b")
    [first] = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    assert first["Body"] == "a1"
    assert first["Attributes"]["MessageGroupId"] == "a"
    assert first["Attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"a1").hexdigest()
    assert bodies(sqs, url) == ["b1"]
    assert bodies(sqs, url) == []
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(sqs, url) == ["a1", "a2", "a3"]
    assert refused(sqs.delete_message, QueueUrl=url, ReceiptHandle=first["ReceiptHandle"]) == (
        "InvalidParameterValue"
    )


def test_a_fifo_queue_takes_no_message_twice(sqs: Any, make: Make) -> None:
    url = make(".fifo")
    first = send(sqs, url, "x", MessageDeduplicationId="one")
    second = send(sqs, url, "y", MessageDeduplicationId="one")
    third = send(sqs, url, "z", MessageDeduplicationId="two")
    assert (first["MessageId"], first["SequenceNumber"]) == (second["MessageId"], second["SequenceNumber"])
    assert int(third["SequenceNumber"]) > int(first["SequenceNumber"])
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, ReceiveRequestAttemptId="try")
    assert [each["Body"] for each in found["Messages"]] == ["x", "z"]
    again = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, ReceiveRequestAttemptId="try")
    assert again["Messages"] == found["Messages"]
    assert refused(send, sqs=sqs, url=url, body="x") == "InvalidParameterValue"
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="x") == "MissingParameter"
    by_group = make(".fifo", DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    send(sqs, by_group, "x", "a", MessageDeduplicationId="one")
    send(sqs, by_group, "y", "b", MessageDeduplicationId="one")
    assert bodies(sqs, by_group) == ["x", "y"]


FLYING = """
INSERT INTO queue_messages (queue, visible, sent, received, "before", first_received, receipt, message_id,
    message_group, body, attributes, system)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
SELECT queue, visible + 60000000, sent, 1, 0, sent, 'r', 'm', i, body, attributes, system
FROM queue_messages, n WHERE body = :body
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_only_so_many_messages_are_in_flight(server: Server, suffix: str) -> None:
    sqs, body = server.client("sqs"), f"many{suffix}"
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if suffix else {}
    group = {"MessageGroupId": "g"} if suffix else {}
    url = sqs.create_queue(QueueName=f"flying{suffix}", Attributes=fifo)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=body, **group)
    with server.stores.database.write() as connection:
        connection.execute(text(FLYING), {"count": MOST_IN_FLIGHT, "body": body})
    if suffix:
        assert "Messages" not in sqs.receive_message(QueueUrl=url)
    else:
        with pytest.raises(ClientError, match="120000 messages of this queue are in flight") as caught:
            sqs.receive_message(QueueUrl=url)
        assert caught.value.response["Error"]["Code"].endswith("OverLimit")
        assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    with server.stores.database.write() as connection:
        connection.execute(text("DELETE FROM queue_messages WHERE id = (SELECT max(id) FROM queue_messages)"))
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=url)["Messages"]] == [body]
    sqs.delete_queue(QueueUrl=url)

"""SNS as boto3 sees it: topics, subscriptions, and what is published to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.iam.people import ACCOUNT, allow, fresh, policy, refused, user
from tests.conformance.organizations.people import administrator, made

if TYPE_CHECKING:
    from tests.conftest import Server

Make = Callable[..., str]
SERVICE = {"Service": "sns.amazonaws.com"}


@pytest.fixture(scope="module")
def sns(server: Server) -> Any:
    return server.client("sns")


@pytest.fixture(scope="module")
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def topic(sns: Any) -> str:
    arn: str = sns.create_topic(Name=fresh("topic"))["TopicArn"]
    return arn


@pytest.fixture
def queue(sqs: Any) -> Make:
    def make(topic: str = "", suffix: str = "", client: Any = sqs, **attributes: str) -> str:
        """Make a queue that lets a topic in; return its URL."""
        more = {"FifoQueue": "true"} if suffix else {}
        url: str = client.create_queue(QueueName=fresh("q") + suffix, Attributes={**more, **attributes})[
            "QueueUrl"
        ]
        if topic:
            only = {"ArnEquals": {"aws:SourceArn": topic}}
            statement = allow("sqs:SendMessage", arn_of(client, url), Principal=SERVICE, Condition=only)
            client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})
        return url

    return make


def arn_of(sqs: Any, url: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn


def subscribed(sns: Any, sqs: Any, topic: str, url: str, **attributes: str) -> str:
    arn: str = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn_of(sqs, url), Attributes=attributes
    )["SubscriptionArn"]
    return arn


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
    ).get("Messages", [])
    return found


def test_a_topic_is_made_listed_changed_and_deleted(sns: Any) -> None:
    name = fresh("made")
    arn = sns.create_topic(Name=name, Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]
    assert arn == f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}"
    assert sns.create_topic(Name=name)["TopicArn"] == arn
    with refused("InvalidParameter", "different attributes"):
        sns.create_topic(Name=name, Attributes={"DisplayName": "x"})
    pages = sns.get_paginator("list_topics").paginate()
    assert arn in [each["TopicArn"] for page in pages for each in page["Topics"]]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="Shown")
    told = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (told["DisplayName"], told["Owner"], told["SubscriptionsConfirmed"]) == ("Shown", ACCOUNT, "0")
    assert json.loads(told["Policy"])["Statement"][0]["Resource"] == arn
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.get_topic_attributes(TopicArn=arn)
    with pytest.raises(sns.exceptions.ResourceNotFoundException):
        sns.list_tags_for_resource(ResourceArn=arn)


def test_what_no_topic_can_have_is_refused(sns: Any, topic: str) -> None:
    for name in ("a b", "", "a" * 257, "a.fifo"):
        with refused("InvalidParameter"):
            sns.create_topic(Name=name)
    with refused("InvalidParameter", "archived"):
        sns.set_topic_attributes(TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue="{}")
    for attribute, value in (
        ("Policy", "{"),
        ("Colour", "red"),
        ("MaximumMessageSize", "5"),
        ("MaximumMessageSize", "²"),
    ):
        with refused("InvalidParameter"):
            sns.set_topic_attributes(TopicArn=topic, AttributeName=attribute, AttributeValue=value)


def test_a_message_comes_in_the_documented_envelope(sns: Any, sqs: Any, topic: str, queue: Make) -> None:
    url = queue(topic)
    subscribed(sns, sqs, topic, url)
    named = {
        "n": {"DataType": "Number", "StringValue": "1"},
        "b": {"DataType": "Binary", "BinaryValue": b"\0"},
    }
    sent = sns.publish(TopicArn=topic, Message="Grüße", Subject="Hi", MessageAttributes=named)
    [message] = received(sqs, url)
    told = json.loads(message["Body"])
    assert told.pop("Timestamp").endswith("Z")
    assert told == {
        "Type": "Notification",
        "MessageId": sent["MessageId"],
        "TopicArn": topic,
        "Subject": "Hi",
        "Message": "Grüße",
        "MessageAttributes": {
            "n": {"Type": "Number", "Value": "1"},
            "b": {"Type": "Binary", "Value": "AA=="},
        },
    }
    assert "MessageAttributes" not in message


def test_a_raw_message_comes_as_it_is(sns: Any, sqs: Any, topic: str, queue: Make) -> None:
    url, named = queue(topic), {"n": {"DataType": "Number", "StringValue": "1"}}
    arn = subscribed(sns, sqs, topic, url)
    sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    sns.publish(TopicArn=topic, Message="plain", MessageAttributes=named)
    by_protocol = json.dumps({"default": "all", "sqs": "queues"})
    sns.publish(TopicArn=topic, Message=by_protocol, MessageStructure="json")
    first, second = received(sqs, url)
    assert (first["Body"], first["MessageAttributes"], second["Body"]) == ("plain", named, "queues")


def test_a_queue_that_does_not_let_the_topic_in_gets_nothing(
    sns: Any, sqs: Any, topic: str, queue: Make
) -> None:
    closed, dead, other = queue(), queue(topic), queue("arn:aws:sns:us-east-1:000000000000:another")
    redrive = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead)})
    subscribed(sns, sqs, topic, closed, RedrivePolicy=redrive)
    subscribed(sns, sqs, topic, other)
    sns.publish(TopicArn=topic, Message="nobody home")
    assert received(sqs, closed) == received(sqs, other) == []
    [message] = received(sqs, dead)
    assert json.loads(message["Body"])["Message"] == "nobody home"


def test_a_subscriber_gets_what_its_filter_takes(sns: Any, sqs: Any, topic: str, queue: Make) -> None:
    by_attribute, by_body = queue(topic), queue(topic)
    subscribed(sns, sqs, topic, by_attribute, FilterPolicy='{"kind": ["a"]}', RawMessageDelivery="true")
    subscribed(
        sns,
        sqs,
        topic,
        by_body,
        FilterPolicy='{"kind": {"is": [{"prefix": "a"}]}}',
        FilterPolicyScope="MessageBody",
        RawMessageDelivery="true",
    )
    for kind in ("a", "b"):
        body = json.dumps({"kind": {"is": f"{kind}bc"}})
        named = {"kind": {"DataType": "String", "StringValue": kind}}
        sns.publish(TopicArn=topic, Message=body, MessageAttributes=named)
    sns.publish(TopicArn=topic, Message="no JSON")
    for url in (by_attribute, by_body):
        assert [message["Body"] for message in received(sqs, url)] == ['{"kind": {"is": "abc"}}']


def test_subscriptions_are_listed_changed_and_ended(sns: Any, sqs: Any, topic: str, queue: Make) -> None:
    url = queue(topic)
    arn = subscribed(sns, sqs, topic, url)
    assert subscribed(sns, sqs, topic, url) == arn
    [listed] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed == {
        "SubscriptionArn": arn,
        "Owner": ACCOUNT,
        "Protocol": "sqs",
        "Endpoint": arn_of(sqs, url),
        "TopicArn": topic,
    }
    pages = sns.get_paginator("list_subscriptions").paginate()
    assert listed in [each for page in pages for each in page["Subscriptions"]]
    sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue='{"a": ["b"]}'
    )
    told = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (told["FilterPolicy"], told["FilterPolicyScope"]) == ('{"a": ["b"]}', "MessageAttributes")
    assert (told["PendingConfirmation"], told["RawMessageDelivery"]) == ("false", "false")
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue="{}")
    assert "FilterPolicy" not in sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsConfirmed"] == "1"
    sns.unsubscribe(SubscriptionArn=arn)
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    sns.publish(TopicArn=topic, Message="x")
    assert received(sqs, url) == []


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [
        ("email", "a@example.com"),
        ("https", "https://example.com"),
        ("lambda", "arn:aws:lambda:us-east-1:000000000000:function:f"),
        ("sms", "+41000000000"),
        ("firehose", "arn:aws:firehose:us-east-1:000000000000:deliverystream/f"),
        ("pigeon", "roof"),
        ("sqs", "not-an-arn"),
        ("sqs", "arn:aws:sqs:us-east-1:000000000000:x.fifo"),
    ],
)
def test_what_cannot_be_delivered_is_refused(sns: Any, topic: str, protocol: str, endpoint: str) -> None:
    with refused("InvalidParameter", "Invalid parameter: "):
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)


@pytest.mark.parametrize(
    "attributes",
    [
        {"FilterPolicy": "{"},
        {"FilterPolicy": '{"a": {"b": ["c"]}}'},
        {"FilterPolicy": '{"a": [{"like": "b"}]}'},
        {"FilterPolicyScope": "Moon"},
        {"RawMessageDelivery": "perhaps"},
        {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:gone"}'},
        {"DeliveryPolicy": "{}"},
    ],
)
def test_attributes_that_cannot_be_are_refused(
    sns: Any, sqs: Any, topic: str, queue: Make, attributes: dict[str, str]
) -> None:
    with refused("InvalidParameter"):
        subscribed(sns, sqs, topic, queue(topic), **attributes)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_messages_that_cannot_be_are_refused(sns: Any, topic: str) -> None:
    for request in (
        {"Message": ""},
        {"Message": "x", "Subject": "a\nb"},
        {"Message": "x" * 262_145},
        {"Message": "{}", "MessageStructure": "json"},
        {"Message": "x", "MessageDeduplicationId": "a"},
    ):
        with refused("InvalidParameter"):
            sns.publish(TopicArn=topic, **request)
    with refused("InvalidParameter", "text messages"):
        sns.publish(PhoneNumber="+41000000000", Message="x")
    with refused("ParameterValueInvalid"):
        named = {"a": {"DataType": "Colour", "StringValue": "x"}}
        sns.publish(TopicArn=topic, Message="x", MessageAttributes=named)
    with refused("NotFound"):
        sns.publish(TopicArn=f"{topic}x", Message="x")


def test_batches_succeed_and_fail_by_entry(sns: Any, sqs: Any, topic: str, queue: Make) -> None:
    url = queue(topic)
    subscribed(sns, sqs, topic, url, RawMessageDelivery="true")
    entries = [{"Id": "a", "Message": "1"}, {"Id": "b", "Message": ""}, {"Id": "c", "Message": "3"}]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["a", "c"]
    assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("b", "InvalidParameter")]
    assert [message["Body"] for message in received(sqs, url)] == ["1", "3"]
    with refused("EmptyBatchRequest"):
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[])


def test_a_fifo_topic_keeps_order_and_takes_nothing_twice(sns: Any, sqs: Any, queue: Make) -> None:
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    topic = sns.create_topic(Name=fresh("t") + ".fifo", Attributes=attributes)["TopicArn"]
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["FifoTopic"] == "true"
    ordered, plain = queue(topic, ".fifo"), queue(topic)
    subscribed(sns, sqs, topic, ordered, RawMessageDelivery="true")
    subscribed(sns, sqs, topic, plain)
    sent = [sns.publish(TopicArn=topic, Message=text, MessageGroupId="g") for text in ("1", "1", "2")]
    assert sent[0]["MessageId"] == sent[1]["MessageId"]
    assert int(sent[2]["SequenceNumber"]) > int(sent[0]["SequenceNumber"])
    found = received(sqs, ordered)
    assert [message["Body"] for message in found] == ["1", "2"]
    assert {message["Attributes"]["MessageGroupId"] for message in found} == {"g"}
    told = [json.loads(message["Body"]) for message in received(sqs, plain)]
    assert [(each["Message"], each["SequenceNumber"]) for each in told] == [
        ("1", sent[0]["SequenceNumber"]),
        ("2", sent[2]["SequenceNumber"]),
    ]
    with refused("InvalidParameter", "MessageGroupId"):
        sns.publish(TopicArn=topic, Message="x")


def test_another_account_s_queue_confirms_what_was_subscribed_for_it(
    server: Server, sns: Any, topic: str, queue: Make
) -> None:
    number = made(server)
    keys = administrator(server, number)
    theirs, their_sns = server.client("sqs", keys), server.client("sns", keys)
    url = queue(topic, client=theirs)
    with refused("AuthorizationError"):
        their_sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(theirs, url))
    answer = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(theirs, url))
    assert answer["SubscriptionArn"] == "pending confirmation"
    sns.publish(TopicArn=topic, Message="too early")
    [message] = received(theirs, url)
    told = json.loads(message["Body"])
    assert (told["Type"], told["TopicArn"]) == ("SubscriptionConfirmation", topic)
    with refused("InvalidParameter", "token"):
        their_sns.confirm_subscription(TopicArn=topic, Token="wrong")
    arn = their_sns.confirm_subscription(TopicArn=topic, Token=told["Token"])["SubscriptionArn"]
    assert their_sns.confirm_subscription(TopicArn=topic, Token=told["Token"])["SubscriptionArn"] == arn
    sns.publish(TopicArn=topic, Message="hello abroad")
    [message] = received(theirs, url)
    assert json.loads(message["Body"])["Message"] == "hello abroad"


def test_a_queue_that_let_nobody_in_is_asked_again_by_the_next_subscribe(
    server: Server, sns: Any, topic: str, queue: Make
) -> None:
    keys = administrator(server, made(server))
    theirs, their_sns = server.client("sqs", keys), server.client("sns", keys)
    url = queue(topic, client=theirs)
    wanted = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn_of(theirs, url)}
    lets_in = theirs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    theirs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    sns.subscribe(**wanted)
    theirs.set_queue_attributes(QueueUrl=url, Attributes=lets_in)
    assert received(theirs, url) == []
    sns.subscribe(**wanted)
    [message] = received(theirs, url)
    token = json.loads(message["Body"])["Token"]
    with refused("InvalidParameter", "token"):
        their_sns.confirm_subscription(TopicArn=topic, Token="")
    their_sns.confirm_subscription(TopicArn=topic, Token=token)
    sns.subscribe(**wanted)
    sns.publish(TopicArn=topic, Message="hello abroad")
    [message] = received(theirs, url)
    assert json.loads(message["Body"])["Message"] == "hello abroad"


def test_a_queue_s_owner_subscribes_it_without_a_word_of_its_own(
    server: Server, sns: Any, topic: str, queue: Make
) -> None:
    number = made(server)
    keys = administrator(server, number)
    theirs, their_sns = server.client("sqs", keys), server.client("sns", keys)
    url = queue(topic, client=theirs)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(theirs, url))
    statement = allow(["sns:Subscribe"], topic, Principal={"AWS": number})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(statement))
    arn = subscribed(their_sns, theirs, topic, url)
    told = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (told["Owner"], told["PendingConfirmation"]) == (number, "false")


def test_a_topic_s_policy_lets_another_account_subscribe_and_publish(
    server: Server, sns: Any, sqs: Any, topic: str, queue: Make
) -> None:
    number = made(server)
    keys = administrator(server, number)
    theirs, their_sns = server.client("sqs", keys), server.client("sns", keys)
    statement = allow(["sns:Subscribe", "sns:Publish"], topic, Principal={"AWS": number})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(statement))
    url = queue(topic, client=theirs)
    arn = subscribed(their_sns, theirs, topic, url, RawMessageDelivery="true")
    their_sns.publish(TopicArn=topic, Message="mine")
    assert [message["Body"] for message in received(theirs, url)] == ["mine"]
    assert [each["SubscriptionArn"] for each in their_sns.list_subscriptions()["Subscriptions"]] == [arn]
    their_sns.get_subscription_attributes(SubscriptionArn=arn)
    their_sns.unsubscribe(SubscriptionArn=arn)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue="")
    with refused("AuthorizationError"):
        their_sns.publish(TopicArn=topic, Message="mine")


def test_a_permission_is_added_and_taken_back_by_its_label(server: Server, sns: Any, topic: str) -> None:
    number = made(server)
    theirs = server.client("sns", administrator(server, number))
    asked = {"TopicArn": topic, "Label": "friends", "AWSAccountId": [number], "ActionName": ["Publish"]}
    sns.add_permission(**asked)
    with refused("InvalidParameter", "Already exists"):
        sns.add_permission(**asked)
    theirs.publish(TopicArn=topic, Message="a")
    sns.remove_permission(TopicArn=topic, Label="friends")
    with refused("AuthorizationError"):
        theirs.publish(TopicArn=topic, Message="a")
    with refused("InvalidParameter", "can't find label"):
        sns.remove_permission(TopicArn=topic, Label="friends")


def test_an_action_is_allowed_by_topic(server: Server, sns: Any, topic: str) -> None:
    other = sns.create_topic(Name=fresh("closed"))["TopicArn"]
    _, keys = user(server, allow("sns:Publish", topic))
    theirs = server.client("sns", keys)
    theirs.publish(TopicArn=topic, Message="a")
    theirs.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[{"Id": "a", "Message": "a"}])
    with refused("AuthorizationError", "sns:Publish"):
        theirs.publish(TopicArn=other, Message="a")
    with refused("AuthorizationError", "sns:CreateTopic"):
        theirs.create_topic(Name="mine")

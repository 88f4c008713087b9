"""Who may use a queue, and the ways that lead to one: its policy, older clients' forms, the redirect."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.conformance.iam.people import allow, fresh, policy, refused, user
from tests.conformance.organizations.people import ACCOUNT, administrator, made

from clary.gateway.certificates import certificate_path

if TYPE_CHECKING:
    from tests.conftest import Server

XML = "{http://queue.amazonaws.com/doc/2012-11-05/}"


@pytest.fixture(scope="module")
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    made: str = sqs.create_queue(QueueName=fresh("open"))["QueueUrl"]
    return made


def arn_of(sqs: Any, url: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn


def form(server: Server, path: str, **fields: str) -> ElementTree.Element:
    """Send a form as older clients do, signed by the administrator."""
    body = urlencode({"Version": "2012-11-05", **fields})
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest(method="POST", url=server.url + path, data=body, headers=headers)
    keys = Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"])
    SigV4Auth(keys, "sqs", "us-east-1").add_auth(request)
    asked = urllib.request.Request(  # noqa: S310  # our own server
        server.url + path, data=body.encode(), headers=dict(request.headers)
    )
    with urllib.request.urlopen(asked) as answer:  # noqa: S310  # our own server
        return ElementTree.fromstring(answer.read())  # noqa: S314  # our own answer


def test_a_form_does_what_json_does(server: Server, sqs: Any) -> None:
    name = fresh("form")
    answer = form(
        server,
        "/",
        Action="CreateQueue",
        QueueName=name,
        **{"Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "0"},
        **{"Tag.1.Key": "a", "Tag.1.Value": "b"},
    )
    url = answer.findtext(f"{XML}CreateQueueResult/{XML}QueueUrl")
    assert url == f"{server.url}/{ACCOUNT}/{name}"
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    path = f"/{ACCOUNT}/{name}"
    sent = form(
        server,
        path,
        Action="SendMessage",
        MessageBody="by form",
        **{
            "MessageAttribute.1.Name": "n",
            "MessageAttribute.1.Value.DataType": "Number",
            "MessageAttribute.1.Value.StringValue": "1",
        },
    )
    attributes = {"AttributeName.1": "All", "MessageAttributeName.1": "All"}
    found = form(server, path, Action="ReceiveMessage", **attributes)
    message = found.find(f"{XML}ReceiveMessageResult/{XML}Message")
    assert message is not None
    assert message.findtext(f"{XML}Body") == "by form"
    assert message.findtext(f"{XML}MD5OfMessageAttributes") == sent.findtext(
        f"{XML}SendMessageResult/{XML}MD5OfMessageAttributes"
    )
    system = {e.findtext(f"{XML}Name"): e.findtext(f"{XML}Value") for e in message.iter(f"{XML}Attribute")}
    assert system["ApproximateReceiveCount"] == "1"
    entries = {
        "SendMessageBatchRequestEntry.1.Id": "x",
        "SendMessageBatchRequestEntry.1.MessageBody": "one",
        "SendMessageBatchRequestEntry.2.Id": "y",
        "SendMessageBatchRequestEntry.2.MessageBody": "two",
    }
    answer = form(server, path, Action="SendMessageBatch", **entries)
    told = answer.iter(f"{XML}SendMessageBatchResultEntry")
    assert [each.findtext(f"{XML}Id") for each in told] == ["x", "y"]
    listed = form(server, "/", Action="ListQueues", QueueNamePrefix=name)
    assert [each.text for each in listed.iter(f"{XML}QueueUrl")] == [url]
    with pytest.raises(HTTPError) as refusal:
        form(server, "/", Action="GetQueueUrl", QueueName="gone")
    assert b"<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in refusal.value.read()


def test_what_is_missing_is_named(sqs: Any, server: Server, url: str) -> None:
    careless = server.client("sqs", config={"parameter_validation": False})
    with refused("MissingParameter", "MessageBody"):
        careless.send_message(QueueUrl=url)
    with refused("InvalidAttributeName", "Colour"):
        careless.get_queue_attributes(QueueUrl=url, AttributeNames=["Colour"])


def test_an_action_is_allowed_by_queue(server: Server, sqs: Any, url: str) -> None:
    other = sqs.create_queue(QueueName=fresh("closed"))["QueueUrl"]
    _, keys = user(server, allow("sqs:SendMessage", arn_of(sqs, url)))
    theirs = server.client("sqs", keys)
    theirs.send_message(QueueUrl=url, MessageBody="a")
    theirs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "a"}])
    with refused("AccessDenied", "sqs:SendMessage"):
        theirs.send_message(QueueUrl=other, MessageBody="a")
    with refused("AccessDenied", "sqs:ReceiveMessage"):
        theirs.receive_message(QueueUrl=url)


def test_another_account_comes_in_by_the_queue_s_policy_alone(server: Server, sqs: Any, url: str) -> None:
    number = made(server)
    theirs = server.client("sqs", administrator(server, number))
    with refused("AccessDenied"):
        theirs.send_message(QueueUrl=url, MessageBody="a")
    statement = allow("sqs:SendMessage", arn_of(sqs, url), Principal={"AWS": number})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})
    theirs.send_message(QueueUrl=url, MessageBody="from abroad")
    with refused("AccessDenied"):
        theirs.receive_message(QueueUrl=url)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "from abroad"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    with refused("AccessDenied"):
        theirs.send_message(QueueUrl=url, MessageBody="a")
    name = url.rpartition("/")[2]
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        theirs.get_queue_url(QueueName=name)


def test_a_permission_is_added_and_taken_back_by_its_label(server: Server, sqs: Any, url: str) -> None:
    number = made(server)
    theirs = server.client("sqs", administrator(server, number))
    asked: dict[str, Any] = {"QueueUrl": url, "Label": "friends", "AWSAccountIds": [number]}
    sqs.add_permission(**asked, Actions=["SendMessage"])
    with refused("InvalidParameterValue", "Already exists"):
        sqs.add_permission(**asked, Actions=["SendMessage"])
    with refused("InvalidParameterValue"):
        sqs.add_permission(**{**asked, "Label": "b", "AWSAccountIds": ["x"]}, Actions=["SendMessage"])
    theirs.send_message(QueueUrl=url, MessageBody="a")
    sqs.remove_permission(QueueUrl=url, Label="friends")
    with refused("AccessDenied"):
        theirs.send_message(QueueUrl=url, MessageBody="a")
    with refused("InvalidParameterValue", "can't find label"):
        sqs.remove_permission(QueueUrl=url, Label="friends")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


def test_through_the_redirect_a_queue_has_the_address_it_has_on_aws(server: Server, sqs: Any) -> None:
    authority = str(certificate_path(server.home.keys))
    proxies = {"https": f"http://127.0.0.1:{server.proxy_port}"}
    client = server.client("sqs", endpoint_url=None, verify=authority, config={"proxies": proxies})
    name = fresh("aws")
    url = client.create_queue(QueueName=name)["QueueUrl"]
    assert url == f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{name}"
    client.send_message(QueueUrl=url, MessageBody="a")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "a"

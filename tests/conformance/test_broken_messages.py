"""Requests to SNS and SQS with something wrong in them are refused in words, whatever it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.test_broken_requests import broken
from tests.gateway.test_garbage import ask, no_complaint, signed, wire
from tests.generated_requests import Author

from clary.operations.kinds import members
from clary.wire import models

if TYPE_CHECKING:
    from tests.conftest import Server

__all__ = ["no_complaint"]
FORM = "application/x-www-form-urlencoded; charset=utf-8"
JSON = "application/x-amz-json-1.0"
TOPIC = "arn:aws:sns:us-east-1:000000000000:broken"
QUEUE = {"QueueUrl": "http://localhost/000000000000/broken"}
Told = tuple[int, object, object]
"""A status; the code and the text of a refusal."""


@dataclass(frozen=True)
class Spoken:
    """How a service is spoken to, and what its requests may find."""

    send: Callable[[Server, str, dict[str, Any]], Told]
    known: dict[str, Any]
    left_out: frozenset[str]


def query(server: Server, name: str, request: dict[str, Any]) -> Told:
    """Send a request as a form."""
    pairs = {"Action": name, "Version": models.service("sns").api_version, **dict(flat("", request))}
    parts = (f"{quote_plus(k, errors='replace')}={quote_plus(v, errors='replace')}" for k, v in pairs.items())
    body = "&".join(parts).encode()
    headers = signed(server, "sns", "POST", "/", body, Content_Type=FORM)
    ((status, answer),) = ask(server.port, wire("POST", "/", {**headers, "Connection": "close"}, body))
    if status == 200:
        return status, "", ""
    error = ElementTree.fromstring(answer).find(".//{*}Error")  # noqa: S314 - our own server's answer
    assert error is not None, answer
    return status, error.findtext("{*}Code"), error.findtext("{*}Message")


def document(server: Server, name: str, request: dict[str, Any]) -> Told:
    """Send a request as JSON."""
    if isinstance(request.get("WaitTimeSeconds"), int):
        request["WaitTimeSeconds"] = min(request["WaitTimeSeconds"], 0)  # nobody needs to wait here
    body = json.dumps(request, default=lambda value: "eA==").encode()
    more = {"Content_Type": JSON, "X_Amz_Target": f"AmazonSQS.{name}"}
    headers = signed(server, "sqs", "POST", "/", body, **more)
    ((status, answer),) = ask(server.port, wire("POST", "/", {**headers, "Connection": "close"}, body))
    told = json.loads(answer or b"{}")
    return status, told.get("__type"), told.get("message") or told.get("Message")


def flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield a request as the pairs of a form, whatever is in it."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from flat(f"{name}.{key}" if name else str(key), each)
    elif isinstance(value, list) and value:
        for number, each in enumerate(value, 1):
            yield from flat(f"{name}.member.{number}", each)
    elif isinstance(value, bytes):
        yield name, value.decode("latin-1")
    elif name:
        yield name, "" if value is None or value in ([], {}) else str(value)


SERVICES = {
    "sns": Spoken(
        query,
        {
            "TopicArn": TOPIC,
            "TargetArn": TOPIC,
            "ResourceArn": TOPIC,
            "SubscriptionArn": f"{TOPIC}:00000000-0000-0000-0000-000000000000",
            "Name": "broken-new",
            "Protocol": "sqs",
            "Endpoint": "arn:aws:sqs:us-east-1:000000000000:broken",
            "AttributeName": "DisplayName",
            "MessageStructure": "json",
            "Message": '{"default": "x"}',
        },
        frozenset({"DeleteTopic"}),
    ),
    "sqs": Spoken(
        document,
        {
            **QUEUE,
            "QueueName": "broken",
            "Attributes": {"VisibilityTimeout": "0"},
            "WaitTimeSeconds": 0,
            "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "x"}},
        },
        frozenset({"DeleteQueue", "PurgeQueue"}),
    ),
}
OPERATIONS = [
    (service, name)
    for service, spoken in SERVICES.items()
    for name in models.service(service).operation_names
    if name not in spoken.left_out
]
HOLES: list[tuple[str, str, dict[str, Any]]] = [
    ("sns", "Publish", {"TopicArn": TOPIC}),
    ("sns", "Publish", {"TopicArn": TOPIC, "Message": "x", "MessageAttributes.entry.1.Name": "a"}),
    (
        "sns",
        "Publish",
        {"TopicArn": TOPIC, "Message": "x", "MessageAttributes.entry.1.Value.DataType": "String"},
    ),
    ("sns", "Publish", {"TopicArn": TOPIC, "Message": "[" * 100_000, "MessageStructure": "json"}),
    ("sns", "PublishBatch", {"TopicArn": TOPIC, "PublishBatchRequestEntries.member.1": ""}),
    ("sns", "PublishBatch", {"TopicArn": TOPIC, "PublishBatchRequestEntries.member.99999999.Id": "a"}),
    (
        "sns",
        "SetTopicAttributes",
        {"TopicArn": TOPIC, "AttributeName": "Policy", "AttributeValue": "{" * 9_999},
    ),
    ("sns", "TagResource", {"ResourceArn": TOPIC, "Tags.member.1": ""}),
    (
        "sns",
        "AddPermission",
        {"TopicArn": TOPIC, "Label": "x", "AWSAccountId.member.1": "", "ActionName": "x"},
    ),
    ("sns", "Subscribe", {"TopicArn": TOPIC, "Protocol": "sqs", "Attributes.entry.1.key": "FilterPolicy"}),
    ("sns", "CreateTopic", {"Name": "a" * 10_000_000}),
    ("sns", "Publish", {"TopicArn.": "x"}),
    ("sns", "GetTopicAttributes", {"TopicArn..a": "x"}),
    ("sns", "SetTopicAttributes", {"TopicArn": TOPIC, "AttributeName": "a\0b"}),
    ("sns", "", {}),
    ("sns", "NoSuchAction", {"a": "b"}),
    ("sqs", "SendMessage", {**QUEUE, "MessageBody": "x", "MessageAttributes": {"a": None}}),
    ("sqs", "SendMessage", {**QUEUE, "MessageBody": "x", "MessageAttributes": {"a": {"DataType": None}}}),
    ("sqs", "SendMessageBatch", {**QUEUE, "Entries": [None]}),
    (
        "sqs",
        "SendMessageBatch",
        {**QUEUE, "Entries": [{"Id": "a", "MessageBody": "x", "MessageAttributes": {"a": None}}]},
    ),
    ("sqs", "SetQueueAttributes", {**QUEUE, "Attributes": {"VisibilityTimeout": None}}),
    ("sqs", "TagQueue", {**QUEUE, "Tags": {"a": None}}),
    ("sqs", "ReceiveMessage", {**QUEUE, "MessageAttributeNames": [None]}),
    ("sqs", "UntagQueue", {**QUEUE, "TagKeys": [None]}),
]


@pytest.fixture(scope="module", autouse=True)
def found(server: Server) -> None:
    """A topic and a queue that requests may find."""
    server.client("sns").create_topic(Name="broken")
    server.client("sqs").create_queue(QueueName="broken", Attributes={"VisibilityTimeout": "0"})


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_broken_request_is_refused_in_words(
    server: Server, service: str, name: str, data: st.DataObject
) -> None:
    operation = models.service(service).operation_model(name)
    author = Author(name="broken", known=SERVICES[service].known)
    whole = author.request(operation, also=members(operation.input_shape))
    check(server, service, name, data.draw(broken(operation, whole)))


@pytest.mark.parametrize(("service", "name", "request_"), HOLES)
def test_a_request_with_holes_in_it_is_refused_in_words(
    server: Server, service: str, name: str, request_: dict[str, Any]
) -> None:
    check(server, service, name, request_)


def check(server: Server, service: str, name: str, request: dict[str, Any]) -> None:
    """Send a request; what is refused is refused by a code and a text."""
    status, code, text = SERVICES[service].send(server, name, request)
    assert status < 500, (request, code, text)
    assert status == 200 or (code and text), (request, status, code, text)

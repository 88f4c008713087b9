"""Requests to SNS with something wrong in them are refused in words, whatever it is."""

from __future__ import annotations

from collections.abc import Iterator
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
SNS = models.service("sns")
FORM = "application/x-www-form-urlencoded; charset=utf-8"
HERE = "arn:aws:sns:us-east-1:000000000000:broken"
KNOWN = {
    "TopicArn": HERE,
    "TargetArn": HERE,
    "ResourceArn": HERE,
    "SubscriptionArn": f"{HERE}:00000000-0000-0000-0000-000000000000",
    "Name": "broken-new",
    "Protocol": "sqs",
    "Endpoint": "arn:aws:sqs:us-east-1:000000000000:broken",
    "AttributeName": "DisplayName",
    "MessageStructure": "json",
    "Message": '{"default": "x"}',
}
NULLS = [
    ("Publish", {"TopicArn": HERE}),
    ("Publish", {"TopicArn": HERE, "Message": "x", "MessageAttributes.entry.1.Name": "a"}),
    ("Publish", {"TopicArn": HERE, "Message": "x", "MessageAttributes.entry.1.Value.DataType": "String"}),
    ("Publish", {"TopicArn": HERE, "Message": "[" * 100_000, "MessageStructure": "json"}),
    ("PublishBatch", {"TopicArn": HERE, "PublishBatchRequestEntries.member.1": ""}),
    ("PublishBatch", {"TopicArn": HERE, "PublishBatchRequestEntries.member.99999999.Id": "a"}),
    ("SetTopicAttributes", {"TopicArn": HERE, "AttributeName": "Policy", "AttributeValue": "{" * 9_999}),
    ("TagResource", {"ResourceArn": HERE, "Tags.member.1": ""}),
    ("AddPermission", {"TopicArn": HERE, "Label": "x", "AWSAccountId.member.1": "", "ActionName": "x"}),
    ("Subscribe", {"TopicArn": HERE, "Protocol": "sqs", "Attributes.entry.1.key": "FilterPolicy"}),
    ("CreateTopic", {"Name": "a" * 10_000_000}),
    ("Publish", {"TopicArn.": "x"}),
    ("GetTopicAttributes", {"TopicArn..a": "x"}),
    ("SetTopicAttributes", {"TopicArn": HERE, "AttributeName": "a\0b"}),
    ("", {}),
    ("NoSuchAction", {"a": "b"}),
]


@pytest.fixture(scope="module", autouse=True)
def topic(server: Server) -> None:
    """A topic that requests may find."""
    server.client("sns").create_topic(Name="broken")


@pytest.mark.parametrize("name", [name for name in SNS.operation_names if name != "DeleteTopic"])
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_broken_request_is_refused_in_words(server: Server, name: str, data: st.DataObject) -> None:
    operation = SNS.operation_model(name)
    whole = Author(name="broken", known=KNOWN).request(operation, also=members(operation.input_shape))
    check(server, name, dict(flat("", data.draw(broken(operation, whole)))))


@pytest.mark.parametrize(("name", "form"), NULLS)
def test_a_form_with_holes_in_it_is_refused_in_words(server: Server, name: str, form: dict[str, str]) -> None:
    check(server, name, form)


def check(server: Server, name: str, form: dict[str, str]) -> None:
    """Send a form; what is refused is refused by a code and a text."""
    pairs = {"Action": name, "Version": SNS.api_version, **form}
    parts = (f"{quote_plus(k, errors='replace')}={quote_plus(v, errors='replace')}" for k, v in pairs.items())
    body = "&".join(parts).encode()
    headers = signed(server, "sns", "POST", "/", body, Content_Type=FORM)
    ((status, answer),) = ask(server.port, wire("POST", "/", {**headers, "Connection": "close"}, body))
    assert status < 500, (form, answer)
    if status != 200:
        error = ElementTree.fromstring(answer).find(".//{*}Error")  # noqa: S314 - our own server's answer
        assert error is not None and error.findtext("{*}Code") and error.findtext("{*}Message"), answer


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

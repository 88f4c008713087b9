"""Requests to SQS with something wrong in them are refused in words, whatever it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.test_broken_requests import broken
from tests.gateway.test_garbage import ask, wire
from tests.generated_requests import Author

from clary.operations.kinds import members
from clary.wire import models

if TYPE_CHECKING:
    from tests.conftest import Server

SQS = models.service("sqs")
JSON = "application/x-amz-json-1.0"
KNOWN = {
    "QueueUrl": "http://localhost/000000000000/broken",
    "QueueName": "broken",
    "Attributes": {"VisibilityTimeout": "0"},
    "WaitTimeSeconds": 0,
    "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "x"}},
}


@pytest.fixture(scope="module", autouse=True)
def queue(server: Server) -> None:
    """A queue that requests may find."""
    server.client("sqs").create_queue(QueueName="broken", Attributes={"VisibilityTimeout": "0"})


@pytest.mark.parametrize("name", [n for n in SQS.operation_names if n not in ("DeleteQueue", "PurgeQueue")])
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_broken_request_is_refused_in_words(server: Server, name: str, data: st.DataObject) -> None:
    operation = SQS.operation_model(name)
    whole = Author(name="broken", known=KNOWN).request(operation, also=members(operation.input_shape))
    request: dict[str, Any] = data.draw(broken(operation, whole))
    if isinstance(request.get("WaitTimeSeconds"), int):
        request["WaitTimeSeconds"] = min(request["WaitTimeSeconds"], 0)  # nobody needs to wait here
    status, answer = send(server, name, json.dumps(request, default=lambda value: "eA==").encode())
    assert status < 500, (request, answer)
    if status != 200:
        assert answer["__type"] and (answer.get("message") or answer.get("Message"))


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("SendMessage", {"MessageBody": "x", "MessageAttributes": {"a": None}}),
        ("SendMessage", {"MessageBody": "x", "MessageAttributes": {"a": {"DataType": None}}}),
        ("SendMessageBatch", {"Entries": [None]}),
        (
            "SendMessageBatch",
            {"Entries": [{"Id": "a", "MessageBody": "x", "MessageAttributes": {"a": None}}]},
        ),
        ("SetQueueAttributes", {"Attributes": {"VisibilityTimeout": None}}),
        ("TagQueue", {"Tags": {"a": None}}),
        ("ReceiveMessage", {"MessageAttributeNames": [None]}),
        ("UntagQueue", {"TagKeys": [None]}),
    ],
)
def test_null_is_no_reason_to_fail(server: Server, name: str, members: dict[str, Any]) -> None:
    status, _ = send(server, name, json.dumps({"QueueUrl": KNOWN["QueueUrl"], **members}).encode())
    assert status in (200, 400)


def send(server: Server, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Send a body as it is; return the status and the answer."""
    headers = {"Content-Type": JSON, "X-Amz-Target": f"AmazonSQS.{target}"}
    request = AWSRequest(method="POST", url=server.url + "/", data=body, headers=headers)
    SigV4Auth(
        Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"]), "sqs", "us-east-1"
    ).add_auth(request)
    head = {**dict(request.headers.items()), "Host": f"127.0.0.1:{server.port}", "Connection": "close"}
    ((status, answer),) = ask(
        server.port, wire("POST", "/", {**head, "Content-Length": str(len(body))}, body)
    )
    return status, json.loads(answer or b"{}")

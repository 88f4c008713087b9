"""The short way of points answers as the chain does, and hands back what it must not decide."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.conftest import Server

from clary.app import THREADS

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
BEGUN = int(NOON.timestamp())
ODD = [  # what is reported by its place, refused, or nobody's fault
    [],
    [{"MetricName": "loss", "Timestamp": BEGUN, "Value": 1.5}] * 11,
    [{"MetricName": "loss", "Timestamp": BEGUN, "Value": "NaN"}],
    [{"MetricName": "loss", "Timestamp": BEGUN, "Value": 1.5}, {"MetricName": "loss", "Value": 1.5}],
    [{"MetricName": "lo ss?", "Timestamp": BEGUN, "Value": 1.5}],
    [{"MetricName": "loss", "Timestamp": BEGUN, "Value": 1.5, "Step": 2**31}],
    [{"MetricName": "new", "Timestamp": BEGUN, "Value": 1.5, "Step": 2}],
]


@pytest.fixture
def component(server: Server) -> str:
    """A trial component that one point of loss was put to, so that the short way knows both."""
    name = f"points-{uuid4().hex[:10]}"
    server.client("sagemaker").create_trial_component(TrialComponentName=name)
    _put(server.client("sagemaker-metrics"), name, 0)
    return name


@pytest.mark.parametrize("data", ODD)
def test_both_ways_answer_alike(server: Server, component: str, data: list[dict[str, Any]]) -> None:
    body = json.dumps({"TrialComponentName": component, "MetricData": data}).encode()
    short = _send(server, body)
    assert short == _send(server, body, Origin="https://example.com")
    assert short[0] < 500


def test_each_point_is_there_once_its_call_is_answered(server: Server, component: str) -> None:
    metrics = server.client("sagemaker-metrics", config={"max_pool_connections": 16})

    def put(number: int) -> None:
        _put(metrics, component, number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(1, 200)))
    found = _read(metrics, component)
    assert (found["Status"], sorted(found["MetricValues"])) == ("Complete", [*map(float, range(200))])


def test_points_for_known_metrics_wait_for_no_thread_of_the_pool(server: Server, component: str) -> None:
    metrics, go_on = server.client("sagemaker-metrics"), threading.Event()
    held = [server.parts.pool.submit(go_on.wait, 90) for _ in range(THREADS)]
    try:
        _put(metrics, component, 1)
    finally:
        go_on.set()
    assert all(each.result() for each in held)
    assert _read(metrics, component)["MetricValues"] == [0, 1]


def test_a_component_that_was_deleted_takes_no_more(server: Server, component: str) -> None:
    metrics = server.client("sagemaker-metrics")
    _put(metrics, component, 1)
    server.client("sagemaker").delete_trial_component(TrialComponentName=component)
    with pytest.raises(ClientError, match="does not exist"):
        _put(metrics, component, 2)


def test_a_user_is_held_to_policies_as_they_are_now(server: Server, component: str) -> None:
    iam, name = server.client("iam"), f"points-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    metrics = server.client("sagemaker-metrics", keys=iam.create_access_key(UserName=name)["AccessKey"])
    assert _refused(metrics, component)
    mine = f"arn:aws:sagemaker:*:*:experiment-trial-component/{component}"
    for resource, condition, refused in (
        (mine, {}, False),
        (f"{mine}-other", {}, True),
        (mine, {"StringLike": {"aws:UserAgent": "no-such-agent"}}, True),
        (mine, {"StringLike": {"aws:UserAgent": "*Botocore*"}}, False),
    ):
        statement = {
            "Effect": "Allow",
            "Action": "sagemaker:BatchPutMetrics",
            "Resource": resource,
            "Condition": condition,
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
        assert [_refused(metrics, component) for _ in range(3)] == [refused] * 3


def test_a_wrong_signature_is_refused_in_the_same_words(server: Server, component: str) -> None:
    body = json.dumps({"TrialComponentName": component, "MetricData": []}).encode()
    signed = _headers(server, body)
    signed["Authorization"] = f"{signed['Authorization'][:-64]}{'0' * 64}"
    short = _exchange(server, signed, body)
    assert short == _exchange(server, {**signed, "Origin": "https://example.com"}, body)
    assert short[0] == 403


def test_every_call_leaves_one_line_about_the_same(server: Server, component: str) -> None:
    metrics = server.client("sagemaker-metrics")
    _put(metrics, component, 1)
    body = json.dumps({"TrialComponentName": component, "MetricData": _data(2)}).encode()
    assert _send(server, body, Origin="https://example.com")[0] == 200
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:experiment-trial-component/{component}"
    mine = server.audited(f'"operation":"BatchPutMetrics","resource":"{arn}"', 3)
    told = ("account", "principal", "accessKey", "service", "operation", "resource", "status", "error")
    assert len(mine) == 3
    assert len({tuple(line[name] for name in told) for line in mine}) == 1
    assert len({line["requestId"] for line in mine}) == 3


def _put(metrics: Any, component: str, number: int) -> None:
    data = [{**_data(number)[0], "Timestamp": datetime.fromtimestamp(BEGUN + number, UTC)}]
    assert "Errors" not in metrics.batch_put_metrics(TrialComponentName=component, MetricData=data)


def _data(number: int) -> list[dict[str, Any]]:
    return [{"MetricName": "loss", "Timestamp": BEGUN + number, "Step": number, "Value": float(number)}]


def _read(metrics: Any, component: str) -> Any:
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:experiment-trial-component/{component}"
    asked = {"MetricName": "loss", "ResourceArn": arn, "MetricStat": "Last", "Period": "IterationNumber"}
    asked["XAxisType"] = "IterationNumber"
    [answer] = metrics.batch_get_metrics(MetricQueries=[asked])["MetricQueryResults"]
    return answer


def _refused(metrics: Any, component: str) -> bool:
    try:
        _put(metrics, component, 5)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException"
        return True
    return False


def _send(server: Server, body: bytes, **more: str) -> tuple[int, dict[str, str], bytes]:
    return _exchange(server, {**_headers(server, body), **more}, body)


def _headers(server: Server, body: bytes) -> dict[str, str]:
    url, content = f"http://127.0.0.1:{server.port}/BatchPutMetrics", {"Content-Type": "application/json"}
    made = AWSRequest("PUT", url, content, body)
    keys = Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"])
    SigV4Auth(keys, "sagemaker", "us-east-1").add_auth(made)
    return dict(made.headers.items())


def _exchange(server: Server, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    fields = {"Host": f"127.0.0.1:{server.port}", **headers, "Connection": "close"}
    fields["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=90) as line:
        line.sendall(f"PUT /BatchPutMetrics HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    start, _, told = answer.partition(b"\r\n\r\n")
    first, *rest = start.decode().split("\r\n")
    named = dict(field.lower().split(": ", 1) for field in rest)
    for name in ("x-amzn-requestid", "x-amz-request-id", "date"):
        named.pop(name, None)
    return int(first.split()[1]), named, told

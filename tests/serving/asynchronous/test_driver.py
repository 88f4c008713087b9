"""Asynchronous requests by boto3: accepted, worked off by a driver, answered in S3."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.serving.asynchronous.conftest import BUCKET, Site, until, unused
from tests.serving.test_router import Answer, Model, ok

from clary.core.clock import SystemClock
from clary.core.document import Document
from clary.resources.application_autoscaling.scalable_target import SCALABLE_TARGET
from clary.resources.inference.endpoint import ENDPOINT
from clary.runtime.attendance import Attendance

STATUS = b"HTTP/1.1 %d Sorry\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%b"


def echo(_line: str, headers: dict[str, str], body: bytes) -> bytes:
    told = [headers.get(name, "") for name in ("content-type", "accept")]
    return ok(" ".join(told).encode() + b" " + body, "Content-Type: text/plain")


@contextmanager
def model(path: Path, answer: Answer = echo) -> Iterator[Model]:
    made = Model(path, answer)
    try:
        yield made
    finally:
        made.close()


def failing(status: int) -> Answer:
    return lambda *_: STATUS % (status, 9, b"no such x")


def metrics(site: Site, name: str, endpoint: str, *variant: str) -> Any:
    dimensions = [{"Name": "EndpointName", "Value": endpoint}]
    dimensions += [{"Name": "VariantName", "Value": each} for each in variant]
    now = datetime.now(UTC)
    found = site.server.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=name,
        Dimensions=dimensions,
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=7200,
        Statistics=["Sum", "Maximum", "SampleCount"],
    )["Datapoints"]
    return found[0] if found else None


def test_a_request_is_accepted_and_its_answer_appears(site: Site, tmp_path: Path) -> None:
    with model(tmp_path / "m.sock") as host:
        site.serve("async-one", host)
        sent = site.send("async-one", b"1,2", Accept="text/plain", InferenceId="mine")
        assert sent["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert sent["InferenceId"] == "mine"
        assert sent["OutputLocation"].startswith(f"s3://{BUCKET}/async-one/out/")
        assert "FailureLocation" not in sent
        assert site.read(sent["OutputLocation"]) is None
        with site.driven():
            assert site.answer(sent) == b"text/csv text/plain 1,2"


def test_a_body_may_come_with_the_call_and_the_answer_have_a_name(site: Site, tmp_path: Path) -> None:
    with model(tmp_path / "m.sock") as host, site.driven():
        site.serve("async-inline", host)
        sent = site.runtime.invoke_endpoint_async(
            EndpointName="async-inline",
            Body=b"\x00inline",
            ContentType="application/x-npy",
            S3OutputPathExtension="some/where",
            Filename="mine.json",
        )
        assert sent["OutputLocation"] == f"s3://{BUCKET}/async-inline/out/some/where/mine.json"
        assert site.answer(sent) == b"application/x-npy  \x00inline"


def test_large_bodies_pass_both_ways(site: Site, tmp_path: Path) -> None:
    body = bytes(range(256)) * (5 << 12)
    with model(tmp_path / "m.sock", lambda _line, _headers, sent: ok(sent[::-1])) as host, site.driven():
        site.serve("async-large", host)
        assert site.answer(site.send("async-large", body)) == body[::-1]
    assert not list(site.server.stores.objects.staging.glob("invocation-*"))


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"InputLocation": f"s3://{BUCKET}/x", "Body": b"x"}, "exactly one of InputLocation and Body"),
        ({}, "exactly one of InputLocation and Body"),
        ({"InputLocation": f"s3://{BUCKET}"}, "must name one object"),
        ({"InputLocation": "https://b.s3.amazonaws.com/x"}, "must have the form s3://"),
    ],
)
def test_a_request_without_one_input_is_refused(site: Site, members: dict[str, object], says: str) -> None:
    name = f"async-refusing-{len(says)}-{len(members)}"
    site.serve(name)
    with pytest.raises(ClientError, match=says) as refused:
        site.runtime.invoke_endpoint_async(EndpointName=name, **members)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_an_endpoint_is_asked_in_its_own_way_only(site: Site, tmp_path: Path) -> None:
    site.serve("async-only")
    with pytest.raises(ClientError, match=r"async-only is asynchronous\. Use InvokeEndpointAsync") as refused:
        site.runtime.invoke_endpoint(EndpointName="async-only", Body=b"x")
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="Endpoint nobody of account 000000000000 not found"):
        site.send("nobody")


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (503, "server")])
def test_what_a_model_answers_to_a_bad_request_is_kept_and_told(
    site: Site, tmp_path: Path, status: int, side: str
) -> None:
    name = f"async-{status}"
    topic, messages = site.topic(name)
    told = {"ErrorTopic": topic, "IncludeInferenceResponseIn": ["ERROR_NOTIFICATION_TOPIC"]}
    with model(tmp_path / "m.sock", failing(status)) as host, site.driven():
        site.serve(name, host, S3FailurePath=f"s3://{BUCKET}/{name}/bad", NotificationConfig=told)
        sent = site.send(name, InferenceId="mine")
        assert sent["FailureLocation"].startswith(f"s3://{BUCKET}/{name}/bad/")
        assert site.answer(sent, "FailureLocation") == b"no such x"
        [message] = until(messages_of(messages), "the topic is told")
    assert site.read(sent["OutputLocation"]) is None
    assert message["invocationStatus"] == "Failed"
    assert message["failureReason"].startswith(
        f"ClientError: Received {side} error ({status}) from model. See the SageMaker Endpoint logs"
    )
    assert message["responseParameters"]["outputLocation"] == sent["FailureLocation"]
    assert message["responseBody"] == {"content": "bm8gc3VjaCB4", "encoding": "BASE64"}
    assert metrics(site, "InvocationFailures", name, "v")["Sum"] == 1
    assert metrics(site, f"Invocation{status // 100}XXErrors", name, "v")["Sum"] == 1


def test_a_success_is_told_in_the_documented_form(site: Site, tmp_path: Path) -> None:
    topic, messages = site.topic("async-told")
    with model(tmp_path / "m.sock") as host, site.driven():
        site.serve("async-told", host, NotificationConfig={"SuccessTopic": topic})
        sent = site.send("async-told", InferenceId="mine", CustomAttributes="c=1", ContentType="text/csv")
        site.answer(sent)
        [message] = until(messages_of(messages), "the topic is told")
    times = [datetime.fromisoformat(message.pop(name)) for name in ("receivedTime", "eventTime")]
    assert times[0] <= times[1]
    location = message["requestParameters"].pop("inputLocation")
    assert location.startswith(f"s3://{BUCKET}/async-told/in/")
    assert message == {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed",
        "requestParameters": {
            "contentType": "text/csv",
            "customAttributes": "c=1",
            "endpointName": "async-told",
        },
        "responseParameters": {"contentType": "text/plain", "outputLocation": sent["OutputLocation"]},
        "inferenceId": "mine",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    assert metrics(site, "InvocationsProcessed", "async-told", "v")["Sum"] == 1
    assert metrics(site, "TotalProcessingTime", "async-told", "v")["SampleCount"] == 1
    events = site.server.client("logs").filter_log_events(
        logGroupName="/aws/sagemaker/Endpoints/async-told", filterPattern='"Inference id mine"'
    )["events"]
    assert [each["logStreamName"] for each in events] == ["v/async-told-m/data-log"]


def test_an_input_that_is_not_there_is_a_failure_of_its_request(site: Site, tmp_path: Path) -> None:
    with model(tmp_path / "m.sock") as host, site.driven():
        site.serve("async-absent", host, S3FailurePath=f"s3://{BUCKET}/async-absent/bad")
        sent = site.runtime.invoke_endpoint_async(
            EndpointName="async-absent", InputLocation=f"s3://{BUCKET}/async-absent/nothing"
        )
        said = site.answer(sent, "FailureLocation").decode()
    assert said.startswith(
        f"ClientError: The request could not be downloaded from s3://{BUCKET}/async-absent"
    )
    assert metrics(site, "RequestDownloadFailures", "async-absent", "v")["Sum"] == 1


def test_an_answer_that_takes_too_long_is_a_failure(site: Site, tmp_path: Path) -> None:
    go = threading.Event()

    def slow(*_: object) -> bytes:
        go.wait(90)
        return b""

    with model(tmp_path / "m.sock", slow) as host, site.driven():
        site.serve("async-late", host, S3FailurePath=f"s3://{BUCKET}/async-late/bad")
        sent = site.send("async-late", InvocationTimeoutSeconds=1)
        assert b"did not answer within InvocationTimeoutSeconds (1)" in site.answer(sent, "FailureLocation")
        go.set()


def test_a_role_without_the_right_is_told_which(site: Site, tmp_path: Path) -> None:
    iam = site.server.client("iam")
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
        ' "Principal": {"Service": "sagemaker.amazonaws.com"}}]}'
    )
    role = iam.create_role(RoleName="async-weak", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    with model(tmp_path / "m.sock") as host, site.driven():
        site.serve("async-weak", host, role=role)
        sent = site.send("async-weak", InferenceId="mine")
        logs = site.server.client("logs")

        def line() -> str | None:
            try:
                found = logs.filter_log_events(logGroupName="/aws/sagemaker/Endpoints/async-weak")["events"]
            except logs.exceptions.ResourceNotFoundException:
                return None
            return found[0]["message"] if found else None

        said = until(line, "the log says why")
    assert f"The role {role} is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::" in said
    assert site.read(sent["OutputLocation"]) is None


def test_no_host_is_asked_more_at_once_than_the_configuration_says(site: Site, tmp_path: Path) -> None:
    lock, at_once, most, go = threading.Lock(), [0], [0], threading.Event()

    def counted(*_: object) -> bytes:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        go.wait(90)
        with lock:
            at_once[0] -= 1
        return ok(b"done")

    with model(tmp_path / "m.sock", counted) as host:
        site.serve("async-most", host, most=3)
        sent = [site.send("async-most") for _ in range(12)]
        with site.driven():
            until(lambda: True if at_once[0] == 3 else None, "three are asked")
            go.set()
            assert [site.answer(each) for each in sent] == [b"done"] * 12
    assert most[0] == 3


def test_a_host_is_attended_as_long_as_it_works_for_a_request(site: Site, tmp_path: Path) -> None:
    go = threading.Event()

    def answer(*_: object) -> bytes:
        go.wait(90)
        return ok(b"done")

    model = Model(tmp_path / "slow.sock", answer)
    site.serve("attended", model)
    attendance = Attendance(site.server.home)
    with site.driven():
        sent = site.send("attended")
        until(lambda: attendance.attended("attended-slow"), "the host is attended")
        go.set()
        assert site.answer(sent) == b"done"
        until(lambda: not attendance.attended("attended-slow"), "the host is let go")
    model.close()


def test_a_backlog_without_a_host_is_kept_and_worked_off_once_there_is_one(
    site: Site, tmp_path: Path
) -> None:
    site.serve("async-zero")
    sent = [site.send("async-zero") for _ in range(5)]
    with site.driven():
        until(lambda: metrics(site, "HasBacklogWithoutCapacity", "async-zero"), "the backlog is told")
        assert metrics(site, "ApproximateBacklogSize", "async-zero")["Maximum"] == 5
        assert metrics(site, "HasBacklogWithoutCapacity", "async-zero")["Maximum"] == 1
        assert metrics(site, "ApproximateBacklogSizePerInstance", "async-zero") is None
        assert [site.read(each["OutputLocation"]) for each in sent] == [None] * 5
        with model(tmp_path / "m.sock") as host:
            site.host("async-zero", host)
            for each in sent:
                site.answer(each)


def test_a_backlog_without_a_host_has_the_endpoint_scaled(site: Site) -> None:
    records = site.server.stores.records.scoped("000000000000", "us-east-1")
    site.serve("async-asleep")
    place = {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": "endpoint/async-asleep/variant/v",
    }
    doc: Document = {**place, "MinCapacity": 0, "MaxCapacity": 1, "TargetId": "async-asleep"}
    target = records.create(SCALABLE_TARGET, doc)

    def asked() -> bool:
        found = records.by_uid(target.uid)
        return found is not None and "_Asked" in found.doc and found.due is not None

    site.send("async-asleep")
    with site.driven():
        until(asked, "a host is asked for")
    found = records.by_uid(target.uid)
    assert found is not None
    records.delete(found)


def test_a_request_that_waited_too_long_fails_without_a_host(site: Site) -> None:
    topic, messages = site.topic("async-expired")
    site.serve("async-expired", NotificationConfig={"ErrorTopic": topic})
    site.send("async-expired", RequestTTLSeconds=60)

    class Later(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(seconds=61)

    with site.driven(clock=Later()):
        [message] = until(messages_of(messages), "the topic is told")
    assert "longer than RequestTTLSeconds (60)" in message["failureReason"]


def test_a_request_over_which_hosts_are_lost_is_given_up_in_the_end(site: Site, tmp_path: Path) -> None:
    with model(tmp_path / "m.sock", lambda *_: b"") as host, site.driven():
        site.serve("async-poison", host, S3FailurePath=f"s3://{BUCKET}/async-poison/bad")
        sent = site.send("async-poison")
        said = site.answer(sent, "FailureLocation")
    assert said.startswith(b"InternalServerError: 3 hosts were lost")


@pytest.mark.slow
def test_a_request_that_no_host_has_read_is_asked_until_one_has(site: Site, tmp_path: Path) -> None:
    leaving = [
        b"HTTP/1.1 503 Bye\r\nX-Clary-Leaving: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    ] * 4
    asked: list[bytes] = []

    def answer(line: str, headers: dict[str, str], body: bytes) -> bytes:
        if leaving:
            return leaving.pop()
        asked.append(body)
        return echo(line, headers, body)

    with model(tmp_path / "m.sock", answer) as host, site.driven():
        site.serve("async-leaving", host, S3FailurePath=f"s3://{BUCKET}/async-leaving/bad")
        site.answer(site.send("async-leaving"))
    assert len(asked) == 1


def test_a_host_that_cannot_be_reached_does_not_keep_requests_from_another(
    site: Site, tmp_path: Path
) -> None:
    gone = unused(tmp_path / "gone.sock")
    with model(tmp_path / "good.sock") as good:
        site.serve("async-two", good, gone, most=1)
        sent = [site.send("async-two") for _ in range(4)]
        with site.driven():
            for each in sent:
                site.answer(each)


def test_what_waits_for_an_endpoint_that_is_deleted_is_forgotten(site: Site) -> None:
    site.serve("async-gone")
    site.send("async-gone")
    records = site.server.stores.records.scoped("000000000000", "us-east-1")
    record = records.find(ENDPOINT, "async-gone")
    assert record is not None
    records.delete(record)
    invocations = site.doors("looker").invocations
    assert invocations.backlog(record.uid).size == 1
    with site.driven():
        until(lambda: True if invocations.backlog(record.uid).size == 0 else None, "it is forgotten")


def messages_of(take: Any) -> Any:
    """Return a look that answers the messages once there are any."""
    return lambda: take() or None

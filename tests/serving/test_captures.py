"""Calls of an endpoint in its capture files, and what the endpoint's log says when they cannot be written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.serving.test_router import Model, ok

from clary.app import allowed_by
from clary.core.document import Document
from clary.resources.inference.endpoint import ENDPOINT
from clary.serving import captures
from clary.serving.captures import CaptureWriter

if TYPE_CHECKING:
    from tests.conftest import Server

BUCKET = "sagemaker-us-east-1-000000000000"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    made = Model(tmp_path / "model.sock", lambda *_: ok(b"0.5", "Content-Type: text/csv"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def forget(server: Server) -> Iterator[None]:
    """Leave no endpoint on the server that all share."""
    yield
    records = server.stores.records.scoped("000000000000", "us-east-1")
    for name in ("captured", "sampled", "halved", "barred", "flooded"):
        if (left := records.find(ENDPOINT, name)) is not None:
            records.delete(left)


def serve(server: Server, name: str, model: Model, role: str = ROLE, percent: int = 100) -> None:
    config: Document = {
        "InitialSamplingPercentage": percent,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    }
    serving = {"DataCaptureConfig": config, "Variants": [{"VariantName": "v", "Role": role}]}
    host = {"Variant": "v", "Weight": 1.0, "Socket": str(model.path), "Uid": f"{name}-1"}
    server.stores.records.scoped("000000000000", "us-east-1").create(
        ENDPOINT,
        {"EndpointName": name, "EndpointStatus": "InService", "_Hosts": [host], "_Serving": serving},
    )


def write(server: Server) -> None:
    stores, parts = server.stores, server.parts
    writer = CaptureWriter(
        parts.plane.router.captures, stores.objects, stores.logs, allowed_by(stores), parts.clock, parts.pool
    )
    asyncio.run(writer.write())


def captured(server: Server, name: str) -> list[Any]:
    s3 = server.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"captured/{name}/v/").get("Contents", [])
    bodies = [s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in found]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def test_calls_are_captured_with_what_they_were_and_what_was_answered(server: Server, model: Model) -> None:
    serve(server, "captured", model)
    runtime = server.client("sagemaker-runtime")
    for row in (b"1,2", b"3,4"):
        runtime.invoke_endpoint(EndpointName="captured", Body=row, ContentType="text/csv", InferenceId="mine")
    write(server)
    lines = captured(server, "captured")
    assert [line["captureData"]["endpointInput"]["data"] for line in lines] == ["1,2", "3,4"]
    assert {line["captureData"]["endpointOutput"]["data"] for line in lines} == {"0.5"}
    assert {line["eventMetadata"]["inferenceId"] for line in lines} == {"mine"}
    write(server)
    assert len(captured(server, "captured")) == 2


def test_a_sample_is_a_sample(server: Server, model: Model) -> None:
    serve(server, "sampled", model, percent=0)
    serve(server, "halved", model, percent=50)
    runtime = server.client("sagemaker-runtime")
    for _ in range(100):
        runtime.invoke_endpoint(EndpointName="halved", Body=b"1")
    runtime.invoke_endpoint(EndpointName="sampled", Body=b"1")
    write(server)
    assert captured(server, "sampled") == []
    assert 15 < len(captured(server, "halved")) < 85  # seven standard deviations


def test_a_role_that_may_not_write_is_named_in_the_endpoints_log(server: Server, model: Model) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    role = server.client("iam").create_role(
        RoleName="captures-nothing",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    serve(server, "barred", model, role=role)
    server.client("sagemaker-runtime").invoke_endpoint(EndpointName="barred", Body=b"1")
    write(server)
    assert captured(server, "barred") == []
    (told,) = server.client("logs").get_log_events(
        logGroupName="/aws/sagemaker/Endpoints/barred", logStreamName="v/data-capture"
    )["events"]
    assert "1 captured calls could not be written" in told["message"]
    assert f"the role {role} may not s3:PutObject" in told["message"]


def test_calls_that_come_faster_than_they_can_be_kept_are_counted(server: Server, model: Model) -> None:
    serve(server, "flooded", model)
    body = b"x" * (captures.MOST_BYTES // 2)
    for _ in range(3):
        server.client("sagemaker-runtime").invoke_endpoint(EndpointName="flooded", Body=body)
    write(server)
    assert len(captured(server, "flooded")) == 1
    (told,) = server.client("logs").get_log_events(
        logGroupName="/aws/sagemaker/Endpoints/flooded", logStreamName="v/data-capture"
    )["events"]
    assert told["message"] == "2 calls came too fast to be captured."


@pytest.mark.parametrize("status", ["Updating", "RollingBack"])
def test_new_hosts_of_an_update_are_captured_as_their_own_configuration_says(
    server: Server, model: Model, status: str
) -> None:
    """The new variant has another name; once the update is taken back, nothing tells its role any more."""
    name = f"turned-{status.lower()}"
    serve(server, name, model)
    records = server.stores.records.scoped("000000000000", "us-east-1")
    record = records.get(ENDPOINT, {"EndpointName": name})
    old = {**record.doc["_Serving"], "Variants": [{"VariantName": "w", "Role": ROLE}]}
    new = record.doc["_Serving"] if status == "Updating" else old
    hosts = [{**record.doc["_Hosts"][0], "Fleet": "new"}]
    with server.stores.database.write():
        records.update(
            record, {"EndpointStatus": status, "_Hosts": hosts, "_Serving": old, "_Wanted": new}, due=None
        )
    answer = server.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"1")
    assert answer["InvokedProductionVariant"] == "v"
    write(server)
    assert len(captured(server, name)) == (status == "Updating")

"""Polls of SDKs and waiters are held until there is something to tell; nobody else's are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest

from clary.core.clock import SystemClock
from clary.gateway.linger import SDK_PATIENCE, WAITER_PATIENCE, patience
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.training.training_job import TRAINING_JOB

if TYPE_CHECKING:
    from tests.conftest import Server

BOTO3 = (
    "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11.7 m/b,Z,E,g,N{} cfg/retry-mode#standard"
)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (BOTO3.format(""), timedelta(0)),
        (BOTO3.format(",B"), WAITER_PATIENCE),
        ("aws-cli/1.45.11 md/Botocore#1.43.11 ua/2.1 m/D,N,g,B,Z,b cfg/retry-mode#legacy", WAITER_PATIENCE),
        (
            "aws-cli/2.9.19 Python/3.11.2 prompt/off command/sagemaker.wait.endpoint-in-service",
            WAITER_PATIENCE,
        ),
        ("aws-cli/2.9.19 Python/3.11.2 prompt/off command/sagemaker.describe-endpoint", timedelta(0)),
        (BOTO3.format("") + " lib/AWS-SageMaker-Python-SDK#2.257.7", SDK_PATIENCE),
        (BOTO3.format("") + " lib/AWS-SageMakerCore#2.27.0", SDK_PATIENCE),
        ("curl/8", timedelta(0)),
        ("", timedelta(0)),
    ],
)
def test_only_pollers_are_held(agent: str, expected: timedelta) -> None:
    assert patience(agent, "DescribeTrainingJob") == expected


def create(server: Server, name: str) -> None:
    """Store an endpoint that nobody works on: this gateway has no controller."""
    records = server.stores.records.scoped("000000000000", "us-east-1")
    doc = {"EndpointName": name, "EndpointConfigName": name, "EndpointStatus": "Creating"}
    records.create(ENDPOINT, {**doc, "EndpointArn": records.arn(ENDPOINT, doc)})


def come_into_service(server: Server, name: str) -> None:
    """Do what the controller would do."""
    records = server.stores.records.scoped("000000000000", "us-east-1")
    records.update(records.get(ENDPOINT, {"EndpointName": name}), {"EndpointStatus": "InService"})


def test_a_waiter_returns_when_the_endpoint_does_and_not_a_poll_later(server: Server) -> None:
    create(server, "lingering")
    client, asked = server.client("sagemaker"), Event()
    client.meta.events.register("before-send.sagemaker.DescribeEndpoint", lambda **_: asked.set())
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get_waiter("endpoint_in_service").wait, EndpointName="lingering")
        assert asked.wait(90)
        for _ in range(5):  # by the time these are answered, the waiter's call has seen the passing state
            server.client("sagemaker").describe_endpoint(EndpointName="lingering")
        assert not waiting.done()
        come_into_service(server, "lingering")
        waiting.result(timeout=20)  # the waiter itself sleeps 30 s between two looks


def test_a_plain_describe_is_answered_as_things_are(server: Server) -> None:
    create(server, "passing")
    described = server.client("sagemaker").describe_endpoint(EndpointName="passing")
    assert described["EndpointStatus"] == "Creating"


def test_an_sdk_is_told_of_a_passing_state_once_its_patience_is_over(server: Server) -> None:
    records = server.stores.records.scoped("000000000000", "us-east-1")
    source = {"TrainingImage": "image", "TrainingInputMode": "File"}
    doc = {"TrainingJobName": "slow", "AlgorithmSpecification": source}
    records.create(TRAINING_JOB, {**doc, "TrainingJobArn": records.arn(TRAINING_JOB, doc)})
    client = server.client("sagemaker", config={"user_agent_extra": "lib/AWS-SageMaker-Python-SDK#2.257.7"})
    began = SystemClock().now()
    assert client.describe_training_job(TrainingJobName="slow")["TrainingJobStatus"] == "InProgress"
    assert SystemClock().now() - began > SDK_PATIENCE / 2


def test_an_sdk_waits_for_an_endpoint_as_long_as_a_waiter() -> None:
    assert patience("lib/AWS-SageMaker-Python-SDK#2.257.7", "DescribeEndpoint") == WAITER_PATIENCE

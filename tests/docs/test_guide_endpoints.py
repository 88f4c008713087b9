"""The guide about endpoints: its Python is taken by a server as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from clary.resources.inference.endpoint import ENDPOINT

if TYPE_CHECKING:
    from tests.conftest import Server

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guide-endpoints.md").read_text()
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def test_the_update_with_a_canary_is_taken(server: Server) -> None:
    sagemaker = server.client("sagemaker")
    sagemaker.create_model(ModelName="my-model", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "my-model",
        "InitialInstanceCount": 2,
        "InstanceType": "ml.m5.large",
    }
    for name in ("my-config", "my-new-config"):
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="my-endpoint", EndpointConfigName="my-config")
    record = server.stores.records.scoped("000000000000", "us-east-1").find(ENDPOINT, "my-endpoint")
    assert record is not None
    server.stores.records.update(record, {"EndpointStatus": "InService", "_Serving": record.doc["_Wanted"]})
    run("my-new-config", server)
    told = sagemaker.describe_endpoint(EndpointName="my-endpoint")
    assert told["EndpointStatus"] == "Updating"
    assert told["PendingDeploymentSummary"]["EndpointConfigName"] == "my-new-config"


def test_the_serverless_endpoint_is_taken(server: Server) -> None:
    sagemaker = server.client("sagemaker")
    with suppress(ClientError):  # the other test may have made it
        sagemaker.create_model(ModelName="my-model", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    run("ServerlessConfig", server)
    told = sagemaker.describe_endpoint(EndpointName="my-serverless-endpoint")
    assert told["EndpointStatus"] == "Creating"


def test_the_endpoint_of_many_models_is_taken(server: Server) -> None:
    server.client("s3").create_bucket(Bucket="my-bucket")
    run("MultiModel", server)
    told = server.client("sagemaker").describe_endpoint(EndpointName="my-many-models")
    assert told["EndpointStatus"] == "Creating"


@pytest.mark.parametrize("name", ["my-torch-model", "my-onnx-model"])
def test_models_that_are_batched_and_onnx_models_are_taken(name: str, server: Server) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="my-bucket")
    s3.put_object(Bucket="my-bucket", Key="model.tar.gz", Body=b"what it holds is looked at by an endpoint")
    run(name, server)
    container = server.client("sagemaker").describe_model(ModelName=name)["PrimaryContainer"]
    assert container["Image"].split(":")[0] in ("pytorch-inference", "onnx")


def run(mark: str, server: Server) -> None:
    """Run the block of the guide that has these words."""
    (block,) = [each for each in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if mark in each]
    keys = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey"}
    environment = {
        **os.environ,
        **{name: server.keys[member] for name, member in keys.items()},
        "AWS_ENDPOINT_URL": server.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run([sys.executable, "-c", block], env=environment, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr

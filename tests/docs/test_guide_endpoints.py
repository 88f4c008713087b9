"""The guide about endpoints: its Python is taken by a server as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
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
    told = sagemaker.describe_endpoint(EndpointName="my-endpoint")
    assert told["EndpointStatus"] == "Updating"
    assert told["PendingDeploymentSummary"]["EndpointConfigName"] == "my-new-config"

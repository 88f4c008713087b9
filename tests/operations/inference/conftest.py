"""Models and configurations that the tests of this folder make endpoints of."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import Server

from clary.core.document import Document
from clary.resources.inference.endpoint import ENDPOINT
from clary.store.records import Record

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "sagemaker-us-east-1-000000000000"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
DATA = f"s3://{BUCKET}/endpoint-checks/model.tar.gz"


@pytest.fixture(scope="session")
def sagemaker(server: Server) -> Any:
    server.client("s3").put_object(Bucket=BUCKET, Key="endpoint-checks/model.tar.gz", Body=b"x")
    made = server.client("sagemaker")
    made.create_model(
        ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": DATA}
    )
    for name, count in {"c1": 1, "c2": 3}.items():
        made.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(count)])
    return made


def variant(count: int = 1, **members: object) -> Document:
    return {
        "VariantName": "v",
        "ModelName": "m",
        "InitialInstanceCount": count,
        "InstanceType": "ml.m5.large",
        **members,
    }


def record(server: Server, name: str) -> Record:
    found = server.stores.records.scoped("000000000000", "us-east-1").find(ENDPOINT, name)
    assert found is not None
    return found


def in_service(server: Server, sagemaker: Any, name: str) -> None:
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c1")
    endpoint = record(server, name)
    wanted = endpoint.doc["_Wanted"]
    server.stores.records.update(endpoint, {"EndpointStatus": "InService", "_Serving": wanted})

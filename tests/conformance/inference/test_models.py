"""Models and endpoint configurations as boto3 sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture
def model(sagemaker: Any) -> str:
    name = f"Model-{uuid4().hex[:8]}"
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "Environment": {"A": "b"}}
    )
    return name


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_model_is_created_described_listed_and_deleted(sagemaker: Any, model: str) -> None:
    told = sagemaker.describe_model(ModelName=model)
    assert told["ModelArn"] == f"{ARN}:model/{model.lower()}"
    assert told["PrimaryContainer"]["Environment"] == {"A": "b"}
    assert not {"VpcConfig", "Containers", "InferenceExecutionConfig", "Tags"} & set(told)
    [listed] = sagemaker.list_models(NameContains=model)["Models"]
    assert listed == {member: told[member] for member in ("ModelName", "ModelArn", "CreationTime")}
    taken = refusal(
        sagemaker.create_model, ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}
    )
    assert taken == (
        "ValidationException",
        f'Cannot create already existing model "{ARN}:model/{model.lower()}".',
    )
    sagemaker.delete_model(ModelName=model)
    gone = ("ValidationException", f'Could not find model "{ARN}:model/{model.lower()}".')
    assert refusal(sagemaker.describe_model, ModelName=model) == gone
    assert refusal(sagemaker.delete_model, ModelName=model) == gone


def test_an_endpoint_config_is_created_described_listed_and_deleted(sagemaker: Any, model: str) -> None:
    name = f"config-{uuid4().hex[:8]}"
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    made = sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    assert made["EndpointConfigArn"] == f"{ARN}:endpoint-config/{name}"
    told = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert told["ProductionVariants"] == [{**variant, "InitialVariantWeight": 1.0}]
    assert "DataCaptureConfig" not in told and "KmsKeyId" not in told
    [listed] = sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    assert listed["EndpointConfigName"] == name
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    assert refusal(sagemaker.describe_endpoint_config, EndpointConfigName=name) == (
        "ValidationException",
        f'Could not find endpoint configuration "{ARN}:endpoint-config/{name}".',
    )


def test_an_absent_endpoint_is_not_found_under_its_arn(sagemaker: Any) -> None:
    assert refusal(sagemaker.describe_endpoint, EndpointName="Absent") == (
        "ValidationException",
        f'Could not find endpoint "{ARN}:endpoint/absent".',
    )


def test_tags_follow_a_resource(sagemaker: Any, model: str) -> None:
    arn = sagemaker.describe_model(ModelName=model)["ModelArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []
    tags = [{"Key": "team", "Value": "a"}, {"Key": "cost", "Value": "b"}]
    assert sagemaker.add_tags(ResourceArn=arn, Tags=tags)["Tags"] == tags
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags[1:]
    pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
    assert [tag for page in pages for tag in page["Tags"]] == tags[1:]

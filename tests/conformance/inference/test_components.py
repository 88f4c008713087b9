"""Inference components, experiments and endpoint policies of an endpoint that is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.generated_requests import ACCOUNT, IMAGE, ROLE

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture
def endpoint(server: Server, sagemaker: Any) -> str:
    name = f"e{uuid4().hex[:8]}"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    variant = {
        "VariantName": "v",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return name


def refusal(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    code: str = refused.value.response["Error"]["Code"]
    return code


def test_a_component_says_how_many_copies_are_wanted_and_that_there_is_none(
    sagemaker: Any, endpoint: str
) -> None:
    name = {"InferenceComponentName": endpoint}
    arn = sagemaker.create_inference_component(
        **name, EndpointName=endpoint, Specification={"ModelName": endpoint}, RuntimeConfig={"CopyCount": 2}
    )["InferenceComponentArn"]
    told = sagemaker.describe_inference_component(**name)
    assert (told["InferenceComponentStatus"], told["VariantName"]) == ("Failed", "v")
    assert told["EndpointArn"] == sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointArn"]
    assert told["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 0}
    changed = sagemaker.update_inference_component_runtime_config(
        **name, DesiredRuntimeConfig={"CopyCount": 3}
    )
    assert changed["InferenceComponentArn"] == arn
    sagemaker.update_inference_component(**name, Specification={"ModelName": "other"})
    told = sagemaker.describe_inference_component(**name)
    assert told["RuntimeConfig"]["DesiredCopyCount"] == 3 and told["Specification"]["ModelName"] == "other"
    found = sagemaker.list_inference_components(EndpointNameEquals=endpoint, VariantNameEquals="v")
    assert len(found["InferenceComponents"]) == 1
    absent = {"InferenceComponentName": "c", "EndpointName": "absent", "Specification": {}}
    assert refusal(sagemaker.create_inference_component, **absent) == "ValidationException"


def test_an_endpoint_takes_a_policy(sagemaker: Any, endpoint: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sagemaker:InvokeEndpoint",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert refusal(sagemaker.get_endpoint_policy, EndpointName=endpoint) == "ResourceNotFound"
    arn = sagemaker.put_endpoint_policy(EndpointName=endpoint, ResourcePolicy=policy)["EndpointArn"]
    told = sagemaker.get_endpoint_policy(EndpointName=endpoint)
    assert (told["EndpointArn"], told["ResourcePolicy"]) == (arn, policy)
    wrong = {"EndpointName": endpoint, "ResourcePolicy": '{"Statement": "all"}'}
    assert refusal(sagemaker.put_endpoint_policy, **wrong) == "ValidationException"
    sagemaker.delete_endpoint_policy(EndpointName=endpoint)
    assert refusal(sagemaker.get_endpoint_policy, EndpointName=endpoint) == "ResourceNotFound"
    assert refusal(sagemaker.delete_endpoint_policy, EndpointName="absent") == "ResourceNotFound"

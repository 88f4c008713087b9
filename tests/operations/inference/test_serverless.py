"""Serverless variants: what a configuration may say, what an endpoint may become, what Describe tells."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Server
from tests.operations.inference.conftest import IMAGE, ROLE, in_service, record

from clary.core.document import Document

CONFIG = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}


def variant(config: Document | None = None, **members: object) -> Document:
    return {"VariantName": "v", "ModelName": "m", "ServerlessConfig": config or CONFIG, **members}


@pytest.fixture(scope="module")
def serverless(sagemaker: Any) -> Any:
    sagemaker.create_endpoint_config(EndpointConfigName="serverless", ProductionVariants=[variant()])
    return sagemaker


def serving(server: Server, sagemaker: Any, name: str, config: str = "serverless") -> None:
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    endpoint = record(server, name)
    told = [{"VariantName": "v", "CurrentServerlessConfig": CONFIG}]
    changes = {"EndpointStatus": "InService", "_Serving": endpoint.doc["_Wanted"], "ProductionVariants": told}
    server.stores.records.update(endpoint, changes)


@pytest.mark.parametrize(
    ("variants", "members", "says"),
    [
        ([variant(InstanceType="ml.m5.large")], {}, "has a ServerlessConfig and InstanceType"),
        ([variant(InitialInstanceCount=1)], {}, "has a ServerlessConfig and InitialInstanceCount"),
        ([variant({**CONFIG, "MemorySizeInMB": 1500})], {}, "is 1500; it must be one of 1024, 2048"),
        ([variant({**CONFIG, "MemorySizeInMB": 8192})], {}, "less than or equal to 6144"),
        ([variant({**CONFIG, "MaxConcurrency": 201})], {}, "less than or equal to 200"),
        ([variant({**CONFIG, "ProvisionedConcurrency": 6})], {}, "is 6; it must not be more than MaxConc"),
        ([variant(), variant(VariantName="w")], {}, "exactly one production variant; this one has 2"),
        (
            [variant()],
            {"EnableNetworkIsolation": True},
            "network isolation is not supported for serverless end",
        ),
        ([variant()], {"VpcConfig": {"SecurityGroupIds": ["s"], "Subnets": ["n"]}}, "A VPC is not supported"),
        (
            [variant()],
            {
                "DataCaptureConfig": {
                    "InitialSamplingPercentage": 100,
                    "DestinationS3Uri": "s3://sagemaker-us-east-1-000000000000/x",
                    "CaptureOptions": [{"CaptureMode": "Input"}],
                }
            },
            "Data capture is not supported for serverless endpoint",
        ),
        (
            [variant()],
            {
                "AsyncInferenceConfig": {
                    "OutputConfig": {"S3OutputPath": "s3://sagemaker-us-east-1-000000000000/x"}
                }
            },
            "Asynchronous inference is not supported for serverless endpoint",
        ),
    ],
)
def test_a_configuration_that_no_environment_could_honour_is_refused(
    sagemaker: Any, variants: list[Document], members: Document, says: str
) -> None:
    with pytest.raises(ClientError, match=says) as refused:
        sagemaker.create_endpoint_config(EndpointConfigName="bad", ProductionVariants=variants, **members)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize(
    ("name", "model", "says"),
    [
        (
            "isolated",
            {"PrimaryContainer": {"Image": IMAGE}, "EnableNetworkIsolation": True},
            "network isolation",
        ),
        (
            "piped",
            {"Containers": [{"Image": IMAGE}, {"Image": IMAGE}]},
            "an inference pipeline is not supported",
        ),
        (
            "enclosed",
            {
                "PrimaryContainer": {"Image": IMAGE},
                "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
            },
            "a VPC is not supported",
        ),
    ],
)
def test_a_model_that_no_environment_may_hold_is_refused(
    sagemaker: Any, name: str, model: Document, says: str
) -> None:
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **model)
    with pytest.raises(ClientError, match=f"The model '{name}' of the variant 'v': {says}"):
        sagemaker.create_endpoint_config(
            EndpointConfigName="bad", ProductionVariants=[variant(ModelName=name)]
        )


def test_an_endpoint_wants_an_environment_of_a_size(server: Server, serverless: Any) -> None:
    serverless.create_endpoint(EndpointName="sized", EndpointConfigName="serverless")
    [wanted] = record(server, "sized").doc["_Wanted"]["Variants"]
    assert (wanted["Serverless"], "InstanceType" in wanted) == (CONFIG, False)
    told = serverless.describe_endpoint_config(EndpointConfigName="serverless")["ProductionVariants"]
    assert told[0]["ServerlessConfig"] == CONFIG


def test_instances_do_not_become_serverless_but_serverless_becomes_instances(
    server: Server, serverless: Any
) -> None:
    in_service(server, serverless, "with-instances")
    with pytest.raises(ClientError, match="an endpoint with instances cannot become serverless"):
        serverless.update_endpoint(EndpointName="with-instances", EndpointConfigName="serverless")
    serving(server, serverless, "without-instances")
    serverless.update_endpoint(
        EndpointName="without-instances", EndpointConfigName="c2", RetainAllVariantProperties=True
    )
    assert record(server, "without-instances").doc["_Wanted"]["Variants"][0]["Count"] == 3


def test_environments_are_not_rolled_out_like_instances(server: Server, serverless: Any) -> None:
    policy: Document = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    deployment = {"BlueGreenUpdatePolicy": policy}
    with pytest.raises(ClientError, match="A DeploymentConfig is about instances"):
        serverless.create_endpoint(
            EndpointName="rolled", EndpointConfigName="serverless", DeploymentConfig=deployment
        )
    serving(server, serverless, "not-rolled")
    with pytest.raises(ClientError, match="A DeploymentConfig is about instances"):
        serverless.update_endpoint(
            EndpointName="not-rolled", EndpointConfigName="c2", DeploymentConfig=deployment
        )


def test_concurrency_is_changed_in_place_and_described_until_it_is(server: Server, serverless: Any) -> None:
    serving(server, serverless, "changed")

    def change(**config: int) -> None:
        asked: list[Any] = [{"VariantName": "v", "ServerlessUpdateConfig": config}]
        serverless.update_endpoint_weights_and_capacities(
            EndpointName="changed", DesiredWeightsAndCapacities=asked
        )

    with pytest.raises(ClientError, match="is 6; it must not be more than MaxConcurrency, 5"):
        change(ProvisionedConcurrency=6)
    change(MaxConcurrency=10, ProvisionedConcurrency=6)
    wanted = {"MemorySizeInMB": 2048, "MaxConcurrency": 10, "ProvisionedConcurrency": 6}
    assert record(server, "changed").doc["_Wanted"]["Variants"][0]["Serverless"] == wanted
    [told] = serverless.describe_endpoint(EndpointName="changed")["ProductionVariants"]
    assert told["CurrentServerlessConfig"] == CONFIG
    assert told["DesiredServerlessConfig"] == wanted


@pytest.mark.parametrize(
    ("config", "asked", "says"),
    [
        ("serverless", {"DesiredInstanceCount": 2}, "is serverless and has no instances"),
        ("c1", {"ServerlessUpdateConfig": {"MaxConcurrency": 2}}, "is not serverless"),
    ],
)
def test_the_one_kind_s_capacity_is_not_the_other_s(
    server: Server, serverless: Any, config: str, asked: Document, says: str
) -> None:
    name = f"mistaken-{config}"
    serving(server, serverless, name, config)
    with pytest.raises(ClientError, match=says):
        serverless.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "v", **asked}]
        )

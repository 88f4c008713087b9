"""What calls around multi-model models decide, and what an endpoint's controller makes of one."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Server
from tests.operations.inference.conftest import BUCKET, DATA, IMAGE, ROLE, record, variant

from clary.controllers.inference import fleet
from clary.core.document import Document
from clary.runtime.spec import Seen

PREFIX = f"s3://{BUCKET}/many-checks/"


@pytest.mark.parametrize(
    ("container", "says"),
    [
        ({"Mode": "MultiModel"}, "needs a ModelDataUrl: the prefix"),
        ({"Mode": "MultiModel", "ModelDataUrl": "s3://no-such-bucket/m/"}, "does not exist"),
        (
            {"Mode": "MultiModel", "ModelDataUrl": "https://bucket.s3.amazonaws.com/many/"},
            "it must have the form s3://bucket/prefix",
        ),
        (
            {
                "Mode": "MultiModel",
                "ModelDataSource": {
                    "S3DataSource": {"S3Uri": DATA, "S3DataType": "S3Object", "CompressionType": "Gzip"}
                },
            },
            "takes its models from a ModelDataUrl",
        ),
        (
            {"ModelDataUrl": DATA, "MultiModelConfig": {"ModelCacheSetting": "Enabled"}},
            "goes with a container whose Mode is MultiModel",
        ),
    ],
)
def test_a_multi_model_container_without_a_place_for_models_is_refused(
    sagemaker: Any, container: Document, says: str
) -> None:
    with pytest.raises(ClientError, match=says) as refused:
        sagemaker.create_model(
            ModelName="bad", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, **container}
        )
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_multi_model_container_in_a_pipeline_is_refused(sagemaker: Any) -> None:
    containers = [
        {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": PREFIX},
        {"Image": IMAGE, "ModelDataUrl": DATA},
    ]
    with pytest.raises(ClientError, match="give the model no other container"):
        sagemaker.create_model(ModelName="bad", ExecutionRoleArn=ROLE, Containers=containers)


def test_a_multi_model_model_is_described_as_it_was_made(sagemaker: Any) -> None:
    _create(sagemaker, "described", "Disabled")
    container = sagemaker.describe_model(ModelName="described")["PrimaryContainer"]
    assert container["Mode"] == "MultiModel"
    assert container["ModelDataUrl"] == PREFIX
    assert container["MultiModelConfig"] == {"ModelCacheSetting": "Disabled"}


def test_a_multi_model_model_is_refused_where_no_request_can_name_one(sagemaker: Any) -> None:
    _create(sagemaker, "unnamed")
    asynchronous = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/out/"}}
    with pytest.raises(ClientError, match="a multi-model one, which asynchronous endpoints do not take"):
        sagemaker.create_endpoint_config(
            EndpointConfigName="unnamed",
            ProductionVariants=[variant(ModelName="unnamed")],
            AsyncInferenceConfig=asynchronous,
        )
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": PREFIX}}
    with pytest.raises(ClientError, match="a multi-model one, which transform jobs do not take"):
        sagemaker.create_transform_job(
            TransformJobName="unnamed",
            ModelName="unnamed",
            TransformInput={"DataSource": source},
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out/"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )


@pytest.mark.parametrize(("setting", "kept"), [("Enabled", True), ("Disabled", False)])
def test_the_router_is_told_where_an_endpoints_models_are(
    server: Server, sagemaker: Any, setting: str, kept: bool
) -> None:
    name = f"told-{setting.lower()}"
    _create(sagemaker, name, setting)
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(ModelName=name)])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wanted = record(server, name).doc["_Wanted"]
    host = {"Uid": "h", "Variant": "v", "Generation": 1}
    told = fleet.hosts({"_Fleet": [host], "_Wanted": wanted}, wanted, {"h": Seen(phase="ready")})
    assert told[0]["Models"] == {"Prefix": PREFIX, "Role": ROLE, "Kept": kept}


def _create(sagemaker: Any, name: str, setting: str = "Enabled") -> None:
    container = {
        "Image": IMAGE,
        "Mode": "MultiModel",
        "ModelDataUrl": PREFIX,
        "MultiModelConfig": {"ModelCacheSetting": setting},
    }
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)

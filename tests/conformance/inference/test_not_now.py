"""What Clary does not do for inference yet says so where it is asked for, and what can be done instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
VARIANT = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
BARE = {name: value for name, value in VARIANT.items() if name != "ModelName"}
SCALING = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "component": ({"ProductionVariants": [BARE]}, "give a ModelName. Several models share a host"),
    "shadow": (
        {"ProductionVariants": [VARIANT], "ShadowProductionVariants": [{**VARIANT, "VariantName": "s"}]},
        "shadow tests are not built; leave it out. A variant of a small InitialVariantWeight",
    ),
    "managed": (
        {"ProductionVariants": [{**VARIANT, "ManagedInstanceScaling": SCALING}]},
        "have Application Auto Scaling change it",
    ),
}
URI = "s3://sagemaker-us-east-1-000000000000/x"
STOP = {"MaxRuntimeInSeconds": 60}
KEPT: dict[str, tuple[dict[str, Any], str, str]] = {
    "CompilationJob": (
        {
            "InputConfig": {"S3Uri": URI, "Framework": "XGBOOST", "DataInputConfig": "{}"},
            "OutputConfig": {"S3OutputLocation": URI, "TargetDevice": "ml_m5"},
            "StoppingCondition": STOP,
        },
        "CompilationJobName",
        "Deploy the model as it is, or exported to ONNX.",
    ),
    "OptimizationJob": (
        {
            "ModelSource": {"S3": {"S3Uri": URI}},
            "DeploymentInstanceType": "ml.g5.xlarge",
            "OptimizationConfigs": [{"ModelQuantizationConfig": {"Image": "x"}}],
            "OutputConfig": {"S3OutputLocation": URI},
            "StoppingCondition": STOP,
        },
        "OptimizationJobName",
        "Deploy the model as it is",
    ),
    "InferenceRecommendationsJob": (
        {"JobType": "Default", "InputConfig": {"ModelName": "m"}},
        "JobName",
        "Deploy the model on the instance types in question",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_configuration_that_cannot_be_honoured_is_refused_with_the_way_out(
    server: Server, name: str
) -> None:
    members, says = REFUSED[name]
    with pytest.raises(ClientError, match=says) as refused:
        server.client("sagemaker").create_endpoint_config(EndpointConfigName="not-now", **members)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("kind", KEPT)
def test_a_job_that_nothing_runs_has_failed_and_says_what_to_do_instead(server: Server, kind: str) -> None:
    members, named, says = KEPT[kind]
    sagemaker, snake = (
        server.client("sagemaker"),
        "".join(f"_{c.lower()}" if c.isupper() else c for c in kind),
    )
    name = {named: f"not-now-{kind.lower()}"}
    getattr(sagemaker, f"create{snake}")(**name, RoleArn=ROLE, **members)
    told = getattr(sagemaker, f"describe{snake}")(**name)
    assert "FAILED" in {told.get("Status"), told.get(f"{kind}Status")}
    assert "does not run them yet" in told["FailureReason"]
    assert says in told["FailureReason"]
    getattr(sagemaker, f"delete{snake}", lambda **_: None)(**name)

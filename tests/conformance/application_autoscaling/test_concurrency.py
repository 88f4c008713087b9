"""Provisioned concurrency as a scalable target, as boto3 sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clary.resources.inference.endpoint import ENDPOINT

if TYPE_CHECKING:
    from tests.conftest import Server

PLACE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/provisioned/variant/v",
    "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
}
INSTANCES = {**PLACE, "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


@pytest.fixture(scope="module")
def scaling(server: Server) -> Iterator[Any]:
    records = server.stores.records.scoped("000000000000", "us-east-1")
    config = {"MemorySizeInMB": 1024, "MaxConcurrency": 8, "ProvisionedConcurrency": 1}
    variants = [
        {"VariantName": "v", "Count": 0, "Serverless": config},
        {"VariantName": "hosts", "Count": 1},
    ]
    doc = {"EndpointName": "provisioned", "EndpointConfigName": "c", "EndpointStatus": "InService"}
    record = records.create(ENDPOINT, {**doc, "_Wanted": {"Variants": variants}})
    yield server.client("application-autoscaling")
    records.delete(record)


def test_a_policy_follows_the_utilization_of_what_is_provisioned(server: Server, scaling: Any) -> None:
    scaling.register_scalable_target(**PLACE, MinCapacity=1, MaxCapacity=10)
    kind = "SageMakerVariantProvisionedConcurrencyUtilization"
    config = {"TargetValue": 0.5, "PredefinedMetricSpecification": {"PredefinedMetricType": kind}}
    told = scaling.put_scaling_policy(
        **PLACE,
        PolicyName="track",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=config,
    )
    names = [each["AlarmName"] for each in told["Alarms"]]
    alarms = server.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert {each["MetricName"] for each in alarms} == {"ServerlessProvisionedConcurrencyUtilization"}
    assert {each["Statistic"] for each in alarms} == {"Average"}
    with pytest.raises(ClientError, match=f"use one of {kind}"):
        scaling.put_scaling_policy(
            **PLACE,
            PolicyName="bad",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 5.0,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                },
            },
        )
    scaling.deregister_scalable_target(**PLACE)


@pytest.mark.parametrize(
    ("place", "lowest", "says"),
    [
        (PLACE, 0, "it must be at least 1"),
        (INSTANCES, 1, "is serverless: its dimension is sagemaker:variant:DesiredProvisionedConcurrency"),
        (
            {**PLACE, "ResourceId": "endpoint/provisioned/variant/hosts"},
            1,
            "is not serverless: its dimension is sagemaker:variant:DesiredInstanceCount",
        ),
    ],
)
def test_a_target_that_its_variant_does_not_have_is_refused(
    scaling: Any, place: dict[str, str], lowest: int, says: str
) -> None:
    with pytest.raises(ClientError, match=says):
        scaling.register_scalable_target(**place, MinCapacity=lowest, MaxCapacity=4)

"""Application Auto Scaling as boto3 sees it: targets, policies and actions are kept and listed."""

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
    "ResourceId": "endpoint/scaled/variant/main",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}


@pytest.fixture(scope="module")
def scaling(server: Server) -> Iterator[Any]:
    records = server.stores.records.scoped("000000000000", "us-east-1")
    wanted = {"Variants": [{"VariantName": "main", "Count": 1}]}
    doc = {"EndpointName": "scaled", "EndpointConfigName": "c", "EndpointStatus": "InService"}
    record = records.create(ENDPOINT, {**doc, "_Wanted": wanted})
    yield server.client("application-autoscaling")
    records.delete(record)


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_a_target_is_registered_changed_and_forgotten_with_its_policies(scaling: Any) -> None:
    arn = scaling.register_scalable_target(**PLACE, MinCapacity=1, MaxCapacity=4)["ScalableTargetARN"]
    assert scaling.register_scalable_target(**PLACE, MaxCapacity=6)["ScalableTargetARN"] == arn
    [target] = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 6)
    policy = scaling.put_scaling_policy(
        **PLACE,
        PolicyName="track",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )
    [told] = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert told["PolicyARN"] == policy["PolicyARN"]
    assert told["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    scaling.put_scheduled_action(
        **PLACE,
        ScheduledActionName="night",
        Schedule="cron(0 20 * * ? *)",
        ScalableTargetAction={"MinCapacity": 0},
    )
    [action] = scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    assert action["ScalableTargetAction"] == {"MinCapacity": 0}
    scaling.tag_resource(ResourceARN=arn, Tags={"team": "a"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "a"}
    assert scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"] == []
    scaling.deregister_scalable_target(**PLACE)
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    with pytest.raises(ClientError) as refused:
        scaling.deregister_scalable_target(**PLACE)
    assert code_of(refused) == "ObjectNotFoundException"


@pytest.mark.parametrize(
    "change",
    [
        {"ResourceId": "endpoint/scaled/variant/none"},
        {"ResourceId": "endpoint/none/variant/main"},
        {"ResourceId": "scaled"},
        {"MinCapacity": 5},
        {"MinCapacity": None},
    ],
)
def test_a_target_that_makes_no_sense_is_refused(scaling: Any, change: dict[str, Any]) -> None:
    asked = {**PLACE, "MinCapacity": 1, "MaxCapacity": 4, **change}
    with pytest.raises(ClientError) as refused:
        scaling.register_scalable_target(
            **{name: value for name, value in asked.items() if value is not None}
        )
    assert code_of(refused) == "ValidationException"


def test_a_policy_needs_a_target_and_a_token_is_the_servers(scaling: Any) -> None:
    with pytest.raises(ClientError) as refused:
        scaling.put_scaling_policy(
            **{**PLACE, "ResourceId": "endpoint/other/variant/main"},
            PolicyName="track",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=TRACKING,
        )
    assert code_of(refused) == "ObjectNotFoundException"
    with pytest.raises(ClientError) as refused:
        scaling.describe_scalable_targets(ServiceNamespace="sagemaker", NextToken="forged")
    assert code_of(refused) == "InvalidNextTokenException"

"""Application Auto Scaling as boto3 sees it: targets, policies with their alarms, and actions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clary.resources.application_autoscaling.scalable_target import SCALABLE_TARGET
from clary.resources.inference.endpoint import ENDPOINT

if TYPE_CHECKING:
    from tests.conftest import Server

PLACE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/scaled/variant/main",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
MINE = {
    "ServiceNamespace": "sagemaker",
    "ResourceIds": [PLACE["ResourceId"]],
}  # the server is others' as well
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
    [target] = scaling.describe_scalable_targets(**MINE)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 6)
    policy = scaling.put_scaling_policy(
        **PLACE,
        PolicyName="track",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )
    [told] = scaling.describe_scaling_policies(**PLACE)["ScalingPolicies"]
    assert told["PolicyARN"] == policy["PolicyARN"]
    assert told["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    assert told["Alarms"] == policy["Alarms"]
    with pytest.raises(ClientError, match="RegisterScalableTarget with the MinCapacity") as refused:
        scaling.put_scheduled_action(
            **PLACE,
            ScheduledActionName="night",
            Schedule="cron(0 20 * * ? *)",
            ScalableTargetAction={"MinCapacity": 0},
        )
    assert code_of(refused) == "ValidationException"
    scaling.tag_resource(ResourceARN=arn, Tags={"team": "a"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "a"}
    assert scaling.describe_scaling_activities(**PLACE)["ScalingActivities"] == []
    scaling.deregister_scalable_target(**PLACE)
    assert scaling.describe_scaling_policies(**PLACE)["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(**PLACE)["ScheduledActions"] == []
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


@pytest.fixture
def target(scaling: Any) -> Iterator[Any]:
    scaling.register_scalable_target(**PLACE, MinCapacity=0, MaxCapacity=4)
    yield scaling
    scaling.deregister_scalable_target(**PLACE)


def track(scaling: Any, name: str, config: dict[str, Any]) -> Any:
    kind = "TargetTrackingScaling"
    return scaling.put_scaling_policy(
        **PLACE, PolicyName=name, PolicyType=kind, TargetTrackingScalingPolicyConfiguration=config
    )


def alarms(server: Server) -> dict[str, Any]:
    prefix = "TargetTracking-endpoint/scaled/variant/main-Alarm"
    found = server.client("cloudwatch").describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    return {each["AlarmName"].removeprefix(prefix).partition("-")[0]: each for each in found}


def test_a_policy_has_two_alarms_that_go_with_it(server: Server, target: Any) -> None:
    answer = track(target, "track", TRACKING)
    made = alarms(server)
    assert [each["AlarmARN"] for each in answer["Alarms"]] == [made[side]["AlarmArn"] for side in made]
    for side, comparison, threshold in (("High", "Greater", 70.0), ("Low", "Less", 63.0)):
        alarm = made[side]
        assert alarm["ComparisonOperator"] == f"{comparison}ThanThreshold"
        assert (alarm["Threshold"], alarm["Period"], alarm["Statistic"]) == (threshold, 60, "Sum")
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SageMaker", "InvocationsPerInstance")
        assert alarm["AlarmActions"] == [answer["PolicyARN"]]
    again = track(target, "track", {**TRACKING, "TargetValue": 10.0})
    assert again == {**answer, "ResponseMetadata": again["ResponseMetadata"]}
    assert alarms(server)["High"]["Threshold"] == 10.0
    assert len(track(target, "track", {**TRACKING, "DisableScaleIn": True})["Alarms"]) == 1
    assert [*alarms(server)] == ["High"]
    target.delete_scaling_policy(**PLACE, PolicyName="track")
    assert alarms(server) == {}


def test_a_policy_follows_any_metric_an_expression_or_the_calls_under_way(
    server: Server, target: Any
) -> None:
    dimensions = [{"Name": "EndpointName", "Value": "scaled"}, {"Name": "VariantName", "Value": "main"}]
    metric = {
        "MetricName": "CPUUtilization",
        "Namespace": "/aws/sagemaker/Endpoints",
        "Dimensions": dimensions,
    }
    cpu = {**metric, "Statistic": "Average"}
    track(target, "cpu", {"TargetValue": 50.0, "CustomizedMetricSpecification": cpu})
    assert alarms(server)["Low"]["TreatMissingData"] == "missing"
    queries = [
        {"Id": "m", "MetricStat": {"Metric": metric, "Stat": "Average"}, "ReturnData": False},
        {"Id": "e", "Expression": "m / 100", "ReturnData": True},
    ]
    track(target, "cpu", {"TargetValue": 0.5, "CustomizedMetricSpecification": {"Metrics": queries}})
    assert alarms(server)["High"]["Metrics"][0]["MetricStat"]["Period"] == 60
    target.delete_scaling_policy(**PLACE, PolicyName="cpu")
    fine = {"PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
    track(target, "calls", {"TargetValue": 5.0, "PredefinedMetricSpecification": fine})
    assert (alarms(server)["Low"]["Period"], alarms(server)["Low"]["TreatMissingData"]) == (10, "breaching")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"TargetValue": 0.0}, "it must be more than 0"),
        ({"ScaleInCooldown": -1}, "it must be at least 0"),
        ({"CustomizedMetricSpecification": {}}, "Give exactly one of"),
        (
            {"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}},
            "use one of SageMakerVariantInvocationsPerInstance",
        ),
    ],
)
def test_a_policy_that_no_variant_can_follow_is_refused(
    target: Any, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError, match=said) as refused:
        track(target, "bad", {**TRACKING, **change})
    assert code_of(refused) == "ValidationException"
    assert target.describe_scaling_policies(**PLACE)["ScalingPolicies"] == []


def test_policies_that_nothing_acts_on_are_refused(target: Any) -> None:
    with pytest.raises(ClientError, match="use TargetTrackingScaling") as refused:
        target.put_scaling_policy(
            **PLACE,
            PolicyName="steps",
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity"},
        )
    assert code_of(refused) == "ValidationException"


def test_a_suspension_keeps_what_it_does_not_name(target: Any) -> None:
    target.register_scalable_target(**PLACE, SuspendedState={"DynamicScalingInSuspended": True})
    target.register_scalable_target(**PLACE, SuspendedState={"DynamicScalingOutSuspended": True})
    [told] = target.describe_scalable_targets(**MINE)["ScalableTargets"]
    assert told["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": True,
        "ScheduledScalingSuspended": False,
    }


def test_activities_are_listed_by_pages_the_latest_first(server: Server, target: Any) -> None:
    records = server.stores.records.scoped("000000000000", "us-east-1")
    [record] = [
        each for each in records.each(SCALABLE_TARGET) if each.doc["ResourceId"] == PLACE["ResourceId"]
    ]
    kept = [
        {
            "ActivityId": str(n),
            "Description": "d",
            "Cause": "c",
            "StartTime": datetime(2026, 11, 1, tzinfo=UTC) - timedelta(days=n),
            "StatusCode": "Successful",
            "_To": n,
        }
        for n in range(3)
    ]
    records.update(record, {"_Activities": kept})
    pages = target.get_paginator("describe_scaling_activities").paginate(
        **PLACE, PaginationConfig={"PageSize": 2}
    )
    found = [each for page in pages for each in page["ScalingActivities"]]
    assert [each["ActivityId"] for each in found] == ["0", "1", "2"]
    assert found[0]["ResourceId"] == PLACE["ResourceId"]
    with pytest.raises(ClientError) as refused:
        target.describe_scaling_activities(ServiceNamespace="sagemaker", NextToken="forged")
    assert code_of(refused) == "InvalidNextTokenException"
    with pytest.raises(ClientError, match="leave IncludeNotScaledActivities out"):
        target.describe_scaling_activities(ServiceNamespace="sagemaker", IncludeNotScaledActivities=True)

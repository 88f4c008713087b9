"""An endpoint is scaled by its load, its controller killed meanwhile, and no call fails."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.crash.site import PATIENCE, Site
from tests.crash.test_endpoint_kills import create, finish, settle
from tests.crash.test_updates import Asking

CALLERS, EACH = 50, "2"  # seconds that the model takes, so that callers wait for it and not for themselves
NAMED = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/scaled/variant/v"}
PLACE = {**NAMED, "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
LONG = 3 * PATIENCE


def track(scaling: Any) -> None:
    """Have the variant go between 0 and 3 hosts, of five calls each."""
    scaling.register_scalable_target(**PLACE, MinCapacity=0, MaxCapacity=3)
    kind = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
    config = {
        "TargetValue": 5.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": kind},
        "ScaleInCooldown": 0,
        "ScaleOutCooldown": 0,
    }
    scaling.put_scaling_policy(
        **PLACE,
        PolicyName="calls",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=config,
    )


def activities(scaling: Any) -> list[Any]:
    found: list[Any] = scaling.describe_scaling_activities(**NAMED)["ScalingActivities"]
    return found[::-1]


def hosts(site: Site, sagemaker: Any) -> int:
    """Return how many hosts answer, once as many as are wanted do."""
    site.open_gates()  # at each look: a run that begins after one may hold at its own gate
    endpoint = sagemaker.describe_endpoint(EndpointName="scaled")
    [variant] = endpoint["ProductionVariants"]
    settled = endpoint["EndpointStatus"] == "InService"
    same = variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"]
    return int(variant["CurrentInstanceCount"]) if settled and same else -1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_callers_take_an_endpoint_from_one_host_to_three_to_none_and_back(site: Site) -> None:
    nonce = secrets.token_hex(8)
    create(site, "scaled", nonce, SECONDS=EACH)
    assert settle(site, "scaled")["EndpointStatus"] == "InService"
    scaling, sagemaker = site.client("application-autoscaling"), site.client("sagemaker")
    runtime = site.client("sagemaker-runtime")
    with Asking(site, "scaled", CALLERS) as asking:
        site.until(lambda: len(asking.answers) > CALLERS, "all callers were answered")
        track(scaling)
        site.until(lambda: activities(scaling), "it is to grow", LONG)
        site.kill("controller")
        site.up()
        site.until(lambda: hosts(site, sagemaker) == 3, "there are three hosts", LONG)
        asked = len(asking.answers)
        site.until(lambda: len(asking.answers) > asked + 4 * CALLERS, "they are asked")
    assert asking.errors == []
    site.until(lambda: hosts(site, sagemaker) == 0, "nobody calls, and no host is left", LONG)
    site.until(lambda: not site.runs("*"), "their runs are gone")

    def call() -> str:
        answer = runtime.invoke_endpoint(EndpointName="scaled", Body=b"x")
        return str(answer["Body"].read().decode())

    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(call) for _ in range(CALLERS)]

        def answered() -> bool:
            site.open_gates()
            return all(each.done() for each in calls)

        site.until(answered, "the calls at no host are answered")
        assert {each.result() for each in calls} == {f"{nonce} x"}
    assert set(asking.answers) == {f"{nonce} x"}
    site.until(lambda: activities(scaling)[-1]["StatusCode"] == "Successful", "the last change is done")
    first, *_, last = told = activities(scaling)
    assert {each["StatusCode"] for each in told} == {"Successful"}
    assert "AlarmHigh" in first["Cause"]
    for count in (3, 0):
        assert f"Setting desired instance count to {count}." in [each["Description"] for each in told]
    assert last["Description"] == "Setting desired instance count to 1."
    assert last["Cause"] == "a call waits for an instance while there is none"
    finish(site, "scaled")
    cloudwatch = site.client("cloudwatch")

    def forgotten() -> bool:
        return not cloudwatch.describe_alarms(AlarmNamePrefix="TargetTracking-endpoint/scaled/")[
            "MetricAlarms"
        ]

    site.until(forgotten, "the target went with its endpoint, and its alarms with it")


@pytest.mark.slow
def test_a_call_at_no_host_is_answered_though_the_controller_is_killed_meanwhile(site: Site) -> None:
    nonce = secrets.token_hex(8)
    create(site, "woken", nonce)
    assert settle(site, "woken")["EndpointStatus"] == "InService"
    site.client("application-autoscaling").register_scalable_target(
        **{**PLACE, "ResourceId": "endpoint/woken/variant/v"}, MinCapacity=0, MaxCapacity=1
    )
    sagemaker, runtime = site.client("sagemaker"), site.client("sagemaker-runtime")
    desired: list[Any] = [{"VariantName": "v", "DesiredInstanceCount": 0}]
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="woken", DesiredWeightsAndCapacities=desired
    )
    site.until(lambda: not site.runs("*"), "no host is left")
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(runtime.invoke_endpoint, EndpointName="woken", Body=b"x")
        site.until(lambda: site.runs("*") or calling.done(), "a host is begun")
        site.kill("controller")
        site.up()

        def answered() -> bool:
            site.open_gates()
            return calling.done()

        site.until(answered, "the call is answered")
        assert calling.result()["Body"].read() == f"{nonce} x".encode()
    finish(site, "woken")

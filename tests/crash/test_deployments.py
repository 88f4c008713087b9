"""Updates that turn the calls over step by step, while the endpoint is asked: none fails, none is wrong."""

from __future__ import annotations

import secrets

import pytest
from tests.crash.site import PATIENCE, Site
from tests.crash.test_endpoint_kills import archive, describe, finish
from tests.crash.test_updates import Asking, another_config, serving, until_in_service

from clary.core.document import Document

WAITS = 20  # seconds between two steps, in which a machine that pauses too sees what both versions answer
HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}
ROUTINGS: dict[str, Document] = {
    "canary": {"Type": "CANARY", "CanarySize": HALF},
    "linear": {"Type": "LINEAR", "LinearStepSize": HALF},
}


def config(kind: str, waits: int) -> Document:
    if kind == "rolling":
        return {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": waits}}
    routing = {"WaitIntervalInSeconds": waits, **ROUTINGS[kind]}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["canary", "linear", "rolling"])
def test_calls_are_turned_over_in_steps_without_one_that_fails(site: Site, kind: str) -> None:
    before, sagemaker = serving(site, kind)
    after = secrets.token_hex(8)
    other = another_config(site, sagemaker, kind, archive(after))
    with Asking(site, kind) as asking:
        steps = config(kind, WAITS)
        sagemaker.update_endpoint(EndpointName=kind, EndpointConfigName=other, DeploymentConfig=steps)
        site.until(lambda: f"{after} x" in asking.answers, "a new host answers")
        assert sagemaker.describe_endpoint(EndpointName=kind)["EndpointConfigName"] == kind
        first = len(asking.answers)
        site.until(lambda: asking.answers[first:].count(f"{before} x") > 5, "the old host still answers")
        endpoint = until_in_service(site, kind)
        site.until(lambda: len(site.runs("*")) == 2, "the old host is gone")
    assert endpoint["EndpointConfigName"] == other
    assert asking.errors == []
    assert set(asking.answers) == {f"{before} x", f"{after} x"}
    finish(site, kind)


@pytest.mark.slow
def test_a_bad_version_is_taken_back_by_an_alarm_on_its_own_errors(site: Site) -> None:
    before, sagemaker = serving(site, "alarmed")
    other = another_config(site, sagemaker, "alarmed", archive("bad"), STATUS="500")
    dimensions = [{"Name": "EndpointName", "Value": "alarmed"}, {"Name": "VariantName", "Value": "v"}]
    site.client("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=dimensions,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    rollback = {"Alarms": [{"AlarmName": "errors"}]}
    routing = {"Type": "CANARY", "CanarySize": HALF, "WaitIntervalInSeconds": 600}
    with Asking(site, "alarmed") as asking:
        sagemaker.update_endpoint(
            EndpointName="alarmed",
            EndpointConfigName=other,
            DeploymentConfig={
                "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
                "AutoRollbackConfiguration": rollback,
            },
        )
        site.until(lambda: asking.errors, "a call meets the bad version")
        site.until(
            lambda: "FailureReason" in describe(site, "alarmed"), "the alarm's minute is over", 5 * PATIENCE
        )
        endpoint = until_in_service(site, "alarmed")
        asking.settle()  # what was asked before may be answered by a bad host yet
        answers = len(asking.answers)
        site.until(lambda: len(asking.answers) > answers + 100, "the old hosts answer all there is")
    assert asking.late == []
    assert endpoint["EndpointConfigName"] == "alarmed"
    assert endpoint["FailureReason"].startswith('The update was taken back: The alarm "errors" went off.')
    assert all("ModelError" in error for error in asking.errors)
    assert set(asking.answers) == {f"{before} x"}
    finish(site, "alarmed")

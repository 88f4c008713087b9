"""What a DeploymentConfig may say, and how it is used again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Server
from tests.operations.inference.conftest import in_service, record

from clary.core.document import Document

PERCENT = {"Type": "CAPACITY_PERCENT", "Value": 20}


def blue_green(kind: str = "ALL_AT_ONCE", **members: Any) -> Document:
    policy = {name: members.pop(name) for name in [*members] if name.endswith("InSeconds")}
    routing = {"Type": kind, "WaitIntervalInSeconds": 300, **members}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **policy}}


def rolling(**members: Any) -> Document:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": PERCENT, "WaitIntervalInSeconds": 1, **members}}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (blue_green("CANARY"), "of type CANARY needs a CanarySize"),
        (blue_green("LINEAR", CanarySize=PERCENT), "CanarySize goes with the type CANARY"),
        (
            blue_green("CANARY", CanarySize={**PERCENT, "Value": 60}),
            "at most 50 % of the instances .* not 60 %",
        ),
        (
            blue_green("LINEAR", LinearStepSize={"Type": "INSTANCE_COUNT", "Value": 2}),
            "from 10 to 50 % of the instances of the variant 'v', not 2 of 3",
        ),
        (
            blue_green(MaximumExecutionTimeoutInSeconds=600, TerminationWaitInSeconds=300),
            r"\(600\) must be more than .* together \(600\)",
        ),
        ({**blue_green(), **rolling()}, "both a BlueGreenUpdatePolicy and a RollingUpdatePolicy"),
        (rolling(RollbackMaximumBatchSize=PERCENT), "taken back all at once"),
        (
            {**blue_green(), "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "no-such-alarm"}]}},
            "the alarm 'no-such-alarm', and CloudWatch has none",
        ),
    ],
)
def test_a_config_that_cannot_be_followed_is_refused(
    server: Server, sagemaker: Any, config: Document, says: str
) -> None:
    name = f"deployed-{uuid4().hex[:8]}"
    in_service(server, sagemaker, name)
    with pytest.raises(ClientError, match=says) as refused:
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="c2", DeploymentConfig=config)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert record(server, name).status == "InService"


def test_the_last_config_can_be_used_again(server: Server, sagemaker: Any) -> None:
    in_service(server, sagemaker, "retains")
    with pytest.raises(ClientError, match="was never deployed with a DeploymentConfig"):
        sagemaker.update_endpoint(
            EndpointName="retains", EndpointConfigName="c2", RetainDeploymentConfig=True
        )
    config = blue_green("CANARY", CanarySize=PERCENT)
    server.stores.records.update(record(server, "retains"), {"LastDeploymentConfig": config})
    assert sagemaker.describe_endpoint(EndpointName="retains")["LastDeploymentConfig"] == config
    sagemaker.update_endpoint(EndpointName="retains", EndpointConfigName="c2", RetainDeploymentConfig=True)
    assert record(server, "retains").doc["_Rollout"]["Config"] == config
    told = sagemaker.describe_endpoint(EndpointName="retains")
    assert (told["EndpointStatus"], told["PendingDeploymentSummary"]["EndpointConfigName"]) == (
        "Updating",
        "c2",
    )


def test_a_config_of_the_creation_is_kept(server: Server, sagemaker: Any) -> None:
    sagemaker.create_endpoint(
        EndpointName="made-with", EndpointConfigName="c1", DeploymentConfig=blue_green()
    )
    told = sagemaker.describe_endpoint(EndpointName="made-with")
    assert told["LastDeploymentConfig"] == blue_green()
    assert "_Rollout" not in record(server, "made-with").doc

"""Edge deployment plans: stages that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server


def refusal(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    code: str = refused.value.response["Error"]["Code"]
    return code


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture
def name() -> str:
    return f"n{uuid4().hex[:10]}"


def stage(name: str) -> dict[str, Any]:
    return {"StageName": name, "DeviceSelectionConfig": {"DeviceSubsetType": "PERCENTAGE", "Percentage": 10}}


def test_stages_are_added_and_taken_away_in_order(sagemaker: Any, name: str) -> None:
    sagemaker.create_device_fleet(DeviceFleetName=name, OutputConfig={"S3OutputLocation": "s3://bucket/k"})
    plan = {"EdgeDeploymentPlanName": name}
    sagemaker.create_edge_deployment_plan(
        **plan,
        DeviceFleetName=name,
        ModelConfigs=[{"ModelHandle": "m", "EdgePackagingJobName": "j"}],
        Stages=[stage("a")],
    )
    sagemaker.create_edge_deployment_stage(**plan, Stages=[stage("b"), stage("c")])
    taken = refusal(sagemaker.create_edge_deployment_stage, **plan, Stages=[stage("a")])
    assert taken == "ValidationException"
    sagemaker.delete_edge_deployment_stage(**plan, StageName="b")
    told = sagemaker.describe_edge_deployment_plan(**plan)
    assert [each["StageName"] for each in told["Stages"]] == ["a", "c"]
    assert {each["DeploymentStatus"]["StageStatus"] for each in told["Stages"]} == {"READYTODEPLOY"}
    sagemaker.stop_edge_deployment_stage(**plan, StageName="a")
    gone = refusal(sagemaker.stop_edge_deployment_stage, **plan, StageName="b")
    assert gone == "ValidationException"
    assert refusal(sagemaker.start_edge_deployment_stage, **plan, StageName="a") == "InvalidAction"
    assert sagemaker.list_stage_devices(**plan, StageName="a")["DeviceDeploymentSummaries"] == []
    [listed] = sagemaker.list_edge_deployment_plans(DeviceFleetNameContains=name, SortBy="DEVICE_FLEET_NAME")[
        "EdgeDeploymentPlanSummaries"
    ]
    assert listed["EdgeDeploymentPending"] == 0
    sagemaker.delete_edge_deployment_plan(**plan)

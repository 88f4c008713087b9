"""Monitoring schedules and definitions: kept, filtered by endpoint, never scheduled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.generated_requests import ROLE

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


def definition(name: str, endpoint: str) -> dict[str, Any]:
    return {
        "JobDefinitionName": name,
        "DataQualityAppSpecification": {"ImageUri": "image"},
        "DataQualityJobInput": {
            "EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/ml/processing/input"}
        },
        "DataQualityJobOutputConfig": {
            "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/out"}}]
        },
        "JobResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "RoleArn": ROLE,
    }


def test_a_schedule_knows_the_endpoint_of_its_definition(sagemaker: Any, name: str) -> None:
    endpoint = f"e-{name}"
    sagemaker.create_data_quality_job_definition(**definition(name, endpoint))
    [listed] = sagemaker.list_data_quality_job_definitions(EndpointName=endpoint)["JobDefinitionSummaries"]
    assert (listed["MonitoringJobDefinitionName"], listed["EndpointName"]) == (name, endpoint)
    config = {"MonitoringJobDefinitionName": name, "MonitoringType": "DataQuality"}
    sagemaker.create_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=config)
    told = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=name)
    assert (told["EndpointName"], told["MonitoringScheduleStatus"]) == (endpoint, "Failed")
    found = sagemaker.list_monitoring_schedules(
        EndpointName=endpoint, MonitoringJobDefinitionName=name, MonitoringTypeEquals="DataQuality"
    )["MonitoringScheduleSummaries"]
    assert [each["MonitoringJobDefinitionName"] for each in found] == [name]
    schedule = {"ScheduleExpression": "cron(0 * ? * * *)"}
    sagemaker.update_monitoring_schedule(
        MonitoringScheduleName=name, MonitoringScheduleConfig={**config, "ScheduleConfig": schedule}
    )
    told = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=name)
    assert told["MonitoringScheduleConfig"]["ScheduleConfig"] == schedule
    assert refusal(sagemaker.start_monitoring_schedule, MonitoringScheduleName=name) == "InvalidAction"
    absent = refusal(sagemaker.start_monitoring_schedule, MonitoringScheduleName="absent")
    assert absent == "ResourceNotFound"
    sagemaker.stop_monitoring_schedule(MonitoringScheduleName=name)
    assert sagemaker.list_monitoring_alerts(MonitoringScheduleName=name)["MonitoringAlertSummaries"] == []
    assert sagemaker.list_monitoring_executions(EndpointName=endpoint)["MonitoringExecutionSummaries"] == []

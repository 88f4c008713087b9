"""What calls about monitoring schedules decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import none_yet
from clary.operations.registry import Call, before, completes
from clary.resources.monitoring.job_definitions import (
    DATA_QUALITY,
    MODEL_BIAS,
    MODEL_EXPLAINABILITY,
    MODEL_QUALITY,
)
from clary.resources.monitoring.monitoring_schedule import MONITORING_SCHEDULE

_DEFINITIONS = {
    "DataQuality": DATA_QUALITY,
    "ModelQuality": MODEL_QUALITY,
    "ModelBias": MODEL_BIAS,
    "ModelExplainability": MODEL_EXPLAINABILITY,
}


@before("sagemaker", "CreateMonitoringSchedule")
@before("sagemaker", "UpdateMonitoringSchedule")
def check(call: Call) -> None:
    """Refuse a schedule of nothing."""
    config = call.request["MonitoringScheduleConfig"]
    if ("MonitoringJobDefinition" in config) == ("MonitoringJobDefinitionName" in config):
        raise ValidationError(
            "MonitoringScheduleConfig must have exactly one of MonitoringJobDefinition and "
            "MonitoringJobDefinitionName."
        )


@completes("sagemaker", "CreateMonitoringSchedule")
@completes("sagemaker", "UpdateMonitoringSchedule")
def resolved(call: Call) -> Document:
    """Say what a schedule looks for, and at which endpoint."""
    config = call.request["MonitoringScheduleConfig"]
    told = {"MonitoringType": config.get("MonitoringType", "DataQuality")}
    endpoint = _endpoint(call, config, told["MonitoringType"])
    return {**told, "EndpointName": endpoint} if endpoint else told


none_yet.unbuilt("StartMonitoringSchedule", MONITORING_SCHEDULE)
none_yet.listed("ListMonitoringExecutions")
none_yet.listed("ListMonitoringAlerts", MONITORING_SCHEDULE)
none_yet.listed("ListMonitoringAlertHistory", MONITORING_SCHEDULE)
none_yet.absent(
    "UpdateMonitoringAlert",
    "The monitoring schedule {MonitoringScheduleName} has no alert named {MonitoringAlertName}.",
    MONITORING_SCHEDULE,
)


def _endpoint(call: Call, config: Document, kind: str) -> str:
    if name := config.get("MonitoringJobDefinitionName"):
        found = call.records.find(_DEFINITIONS[kind], name)
        return found.doc["EndpointName"] if found else ""
    inputs = config["MonitoringJobDefinition"]["MonitoringInputs"]
    named = (item.get("EndpointInput", {}).get("EndpointName", "") for item in inputs)
    return next(filter(None, named), "")

"""Monitoring schedules. None is ever `Scheduled`: that would say that something is going to run."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

MONITORING_SCHEDULE = register(
    Resource(
        kind="MonitoringSchedule",
        announced="SageMaker Monitoring Schedule State Change",
        arn="monitoring-schedule/{MonitoringScheduleName}",
        status="MonitoringScheduleStatus",
        initial=not_run("MonitoringScheduleStatus", "monitoring schedules"),
        filters={"MonitoringJobDefinitionName": "MonitoringScheduleConfig.MonitoringJobDefinitionName"},
        summary={"MonitoringJobDefinitionName": "MonitoringScheduleConfig.MonitoringJobDefinitionName"},
    )
)

"""Schedules of EventBridge Scheduler, and the groups that they are in."""

from clary.resources.registry import register
from clary.resources.spec import Resource

DEFAULT = "default"
"""The group that every account has in every region."""

SCHEDULE_GROUP = register(
    Resource(
        kind="ScheduleGroup",
        service="scheduler",
        arn="schedule-group/{Name}",
        identity=("Name",),
        named={"Create": "", "List": "", "Delete": ""},
        status="State",
        initial={"State": "ACTIVE"},
        missing="ResourceNotFoundException",
        missing_text="Schedule group {name} does not exist.",
        missing_status=404,
        conflict="ConflictException",
        conflict_text="Schedule group {name} already exists.",
        conflict_status=409,
        level="behaves",
    )
)
SCHEDULE = register(
    Resource(
        kind="Schedule",
        service="scheduler",
        arn="schedule/{GroupName}/{Name}",
        identity=("GroupName", "Name"),
        named={"Create": "", "List": "", "Update": "", "Delete": ""},
        status="State",
        initial={"State": "ENABLED"},
        missing="ResourceNotFoundException",
        missing_text="Schedule {name} does not exist.",
        missing_status=404,
        conflict="ConflictException",
        conflict_text="Schedule {name} already exists.",
        conflict_status=409,
        lives=True,
        level="behaves",
    )
)

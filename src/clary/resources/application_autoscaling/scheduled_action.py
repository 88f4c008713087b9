"""When a target's bounds are to change."""

from clary.resources.registry import register
from clary.resources.spec import Resource

SCHEDULED_ACTION = register(
    Resource(
        kind="ScheduledAction",
        service="application-autoscaling",
        arn="scheduledAction:{ActionId}:resource/{ServiceNamespace}/{ResourceId}"
        ":scheduledActionName/{ScheduledActionName}",
        identity=("ServiceNamespace", "ScalableDimension", "ResourceId", "ScheduledActionName"),
        missing="ObjectNotFoundException",
        missing_text="No scheduled action found for the namespace, resource ID, dimension and name: {name}",
    )
)

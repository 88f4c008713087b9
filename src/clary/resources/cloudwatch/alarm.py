"""CloudWatch's alarms. A metric alarm and a composite one share their names."""

from clary.resources.registry import register
from clary.resources.spec import Resource

METRIC_ALARM = register(
    Resource(
        kind="MetricAlarm",
        service="cloudwatch",
        arn="alarm:{AlarmName}",
        identity=("AlarmName",),
        status="StateValue",
        missing="ResourceNotFound",
        missing_text="Unknown alarm: {name}.",
        missing_status=404,
        lives=True,
        level="behaves",
    )
)
COMPOSITE_ALARM = register(
    Resource(
        kind="CompositeAlarm",
        service="cloudwatch",
        arn="alarm:{AlarmName}",
        identity=("AlarmName",),
        status="StateValue",
        missing="ResourceNotFound",
        missing_text="Unknown alarm: {name}.",
        missing_status=404,
        lives=True,
        level="behaves",
    )
)

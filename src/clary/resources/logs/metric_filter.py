"""Metric filters: what is counted of a log group's events, and as which metric."""

from clary.resources.registry import register
from clary.resources.spec import Resource

METRIC_FILTER = register(
    Resource(
        kind="MetricFilter",
        service="logs",
        arn="log-group:{logGroupName}:metric-filter:{filterName}",
        identity=("logGroupName", "filterName"),
        missing="ResourceNotFoundException",
        missing_text="The specified metric filter does not exist.",
        lives=True,
    )
)

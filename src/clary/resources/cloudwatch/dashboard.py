"""CloudWatch's dashboards: kept as they are put; they belong to an account, not to a region."""

from clary.resources.registry import register
from clary.resources.spec import Resource

DASHBOARD = register(
    Resource(
        kind="Dashboard",
        service="cloudwatch",
        arn="dashboard/{DashboardName}",
        missing="ResourceNotFound",
        missing_text="Dashboard {name} does not exist.",
        missing_status=404,
        sort_order="Ascending",
    )
)

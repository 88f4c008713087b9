"""Saved queries: kept by name; Insights, which would run them, is not built."""

from clary.resources.registry import register
from clary.resources.spec import Resource

QUERY_DEFINITION = register(
    Resource(
        kind="QueryDefinition",
        service="logs",
        arn="query-definition:{queryDefinitionId}",
        identity=("queryDefinitionId",),
        missing="ResourceNotFoundException",
        missing_text="The specified query definition does not exist.",
    )
)

"""Flow definitions: when and by whom a prediction is to be looked at."""

from clary.resources.registry import register
from clary.resources.spec import Resource

FLOW_DEFINITION = register(
    Resource(
        kind="FlowDefinition",
        arn="flow-definition/{FlowDefinitionName}",
        status="FlowDefinitionStatus",
        initial={"FlowDefinitionStatus": "Active"},
    )
)

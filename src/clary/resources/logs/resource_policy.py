"""Resource policies of CloudWatch Logs: kept; nobody but the account's own callers writes logs yet."""

from clary.resources.registry import register
from clary.resources.spec import Resource

RESOURCE_POLICY = register(
    Resource(
        kind="ResourcePolicy",
        service="logs",
        arn="resource-policy:{policyName}",
        identity=("policyName",),
        missing="ResourceNotFoundException",
        missing_text="The specified resource policy does not exist.",
    )
)

"""Endpoints: models that answer."""

from clary.resources.registry import register
from clary.resources.spec import Resource

ENDPOINT = register(
    Resource(
        kind="Endpoint",
        announced="SageMaker Endpoint State Change",
        announces=frozenset({"PendingDeploymentSummary"}),
        arn="endpoint/{EndpointName!l}",  # evidence/inference-arns.md
        status="EndpointStatus",
        initial={"EndpointStatus": "Creating"},
        missing="ValidationException",  # evidence/inference-missing.md
        missing_text='Could not find endpoint "{arn}".',
        conflict="ValidationException",  # evidence/inference-conflict.md
        conflict_text='Cannot create already existing endpoint "{arn}".',
        lives=True,
        traced=True,
        passing=frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}),
        level="behaves",
    )
)

"""What may be scaled: one dimension of one resource, and between which bounds."""

from clary.resources.registry import register
from clary.resources.spec import Resource

INSTANCES = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"  # of a serverless variant

SCALABLE_TARGET = register(
    Resource(
        kind="ScalableTarget",
        service="application-autoscaling",
        arn="scalable-target/{TargetId}",
        identity=("ServiceNamespace", "ScalableDimension", "ResourceId"),
        arn_member="ScalableTargetARN",
        missing="ObjectNotFoundException",
        missing_text="No scalable target registered for the namespace, resource ID and dimension: {name}",
    )
)

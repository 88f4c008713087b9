"""How a target is to be scaled."""

from clary.resources.registry import register
from clary.resources.spec import Resource

SCALING_POLICY = register(
    Resource(
        kind="ScalingPolicy",
        service="application-autoscaling",
        arn="scalingPolicy:{PolicyId}:resource/{ServiceNamespace}/{ResourceId}:policyName/{PolicyName}",
        identity=("ServiceNamespace", "ScalableDimension", "ResourceId", "PolicyName"),
        missing="ObjectNotFoundException",
        missing_text="No scaling policy found for the namespace, resource ID, dimension and name: {name}",
    )
)

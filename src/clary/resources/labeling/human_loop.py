"""Human loops: predictions that somebody should look at. `sagemaker-a2i-runtime` tells of them."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

HUMAN_LOOP = register(
    Resource(
        kind="HumanLoop",
        arn="human-loop/{HumanLoopName}",
        status="HumanLoopStatus",
        initial=not_run("HumanLoopStatus", "human loops"),
        missing="ResourceNotFoundException",
        missing_text="There is no human loop named {name}.",
        missing_status=404,
        conflict="ConflictException",
        conflict_text="A human loop named {name} already exists ({arn}).",
        conflict_status=409,
    )
)

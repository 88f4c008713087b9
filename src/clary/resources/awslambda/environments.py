"""The environments of one function: a record of their own, which outlives the function until all are gone."""

from clary.resources.registry import register
from clary.resources.spec import Resource

LAMBDA_ENVIRONMENTS = register(
    Resource(
        kind="LambdaEnvironments",
        service="lambda",
        arn="environments:{EnvironmentsId}",
        identity=("EnvironmentsId",),
        lives=True,
    )
)

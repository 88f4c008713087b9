"""Customer managed policies, with their versions as a member."""

from clary.resources.registry import register
from clary.resources.spec import Resource

POLICY = register(
    Resource(
        kind="Policy",
        service="iam",
        arn="policy{Path}{PolicyName}",
        identity=("PolicyName",),
        missing="NoSuchEntity",
        missing_text="Policy {arn} was not found.",
        missing_status=404,
        conflict="EntityAlreadyExists",
        conflict_text="A policy called {name} already exists. Duplicate names are not allowed.",
        conflict_status=409,
    )
)

"""Groups of users. Membership is a member of the user; what a group grants, all of its users have."""

from clary.resources.registry import register
from clary.resources.spec import Resource

GROUP = register(
    Resource(
        kind="Group",
        service="iam",
        arn="group{Path}{GroupName}",
        identity=("GroupName",),
        missing="NoSuchEntity",
        missing_text="The group with name {name} cannot be found.",
        missing_status=404,
        conflict="EntityAlreadyExists",
        conflict_text="Group with name {name} already exists.",
        conflict_status=409,
    )
)

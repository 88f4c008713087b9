"""IAM roles. Inline policies and attachments are members of the record, under names the API does not use."""

from clary.resources.registry import register
from clary.resources.spec import Resource

ROLE = register(
    Resource(
        kind="Role",
        service="iam",
        arn="role{Path}{RoleName}",
        identity=("RoleName",),
        missing="NoSuchEntity",
        missing_text="The role with name {name} cannot be found.",
        missing_status=404,
        conflict="EntityAlreadyExists",
        conflict_text="Role with name {name} already exists.",
        conflict_status=409,
    )
)

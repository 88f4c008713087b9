"""IAM users. Inline policies and attachments are members of the record, under names the API does not use."""

from clary.resources.registry import register
from clary.resources.spec import Resource

USER = register(
    Resource(
        kind="User",
        service="iam",
        arn="user{Path}{UserName}",
        identity=("UserName",),
        missing="NoSuchEntity",
        missing_text="The user with name {name} cannot be found.",
        missing_status=404,
        conflict="EntityAlreadyExists",
        conflict_text="User with name {name} already exists.",
        conflict_status=409,
    )
)

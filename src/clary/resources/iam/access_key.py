"""Access keys of users; the secret is stored sealed under the server's master key."""

from clary.resources.registry import register
from clary.resources.spec import Resource

ACCESS_KEY = register(
    Resource(
        kind="AccessKey",
        service="iam",
        arn="access-key/{AccessKeyId}",
        identity=("AccessKeyId",),
        missing="NoSuchEntity",
        missing_text="The Access Key with id {name} cannot be found.",
        missing_status=404,
        conflict="EntityAlreadyExists",
        conflict_text="The Access Key with id {name} already exists.",
        conflict_status=409,
    )
)

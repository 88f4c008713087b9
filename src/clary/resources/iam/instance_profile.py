"""Instance profiles: a role under another name, for clients that insist on one."""

from clary.resources.registry import register
from clary.resources.spec import Resource

INSTANCE_PROFILE = register(
    Resource(
        kind="InstanceProfile",
        service="iam",
        arn="instance-profile{Path}{InstanceProfileName}",
        identity=("InstanceProfileName",),
        missing="NoSuchEntity",
        missing_text="Instance Profile {name} cannot be found.",
        missing_status=404,
        conflict="EntityAlreadyExists",
        conflict_text="Instance Profile {name} already exists.",
        conflict_status=409,
    )
)

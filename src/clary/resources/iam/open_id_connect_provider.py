"""OpenID Connect identity providers, as records: trust policies name them, nobody signs in by them."""

from clary.resources.registry import register
from clary.resources.spec import Resource

OPEN_ID_CONNECT_PROVIDER = register(
    Resource(
        kind="OpenIDConnectProvider",
        service="iam",
        arn="oidc-provider/{Host}",
        identity=("Host",),
        missing="NoSuchEntity",
        missing_text="OpenIDConnect Provider not found for arn {arn}",
        missing_status=404,
        conflict="EntityAlreadyExists",
        conflict_text="Provider with url https://{name} already exists.",
        conflict_status=409,
    )
)

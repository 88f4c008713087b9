"""SAML identity providers, as records: trust policies name them, nobody signs in by them."""

from clary.resources.registry import register
from clary.resources.spec import Resource

SAML_PROVIDER = register(
    Resource(
        kind="SAMLProvider",
        service="iam",
        arn="saml-provider/{Name}",
        identity=("Name",),
        missing="NoSuchEntity",
        missing_text="Manifest not found for arn {arn}",
        missing_status=404,
        conflict="EntityAlreadyExists",
        conflict_text="SAML Provider {arn} already exists.",
        conflict_status=409,
    )
)

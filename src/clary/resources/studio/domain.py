"""Domains: the users, spaces and apps of one team. They are kept; nobody signs in to one yet."""

from clary.resources.registry import register
from clary.resources.spec import Resource

DOMAIN = register(
    Resource(
        kind="Domain",
        arn="domain/{DomainId}",
        identity=("DomainId",),
        generated={"DomainId": "d-{12}"},
        status="Status",
        initial={"Status": "InService"},
        answers={"AppNetworkAccessType": "PublicInternetOnly", "TagPropagation": "DISABLED"},
        holds={  # evidence/studio-errors.md
            "UserProfile": {"DomainId": "DomainId"},
            "Space": {"DomainId": "DomainId"},
            "App": {"DomainId": "DomainId"},
        },
        missing_text="Domain [{name}] does not exist.",
    )
)

"""User profiles: the people of a domain."""

from clary.resources.registry import register
from clary.resources.spec import Resource

USER_PROFILE = register(
    Resource(
        kind="UserProfile",
        arn="user-profile/{DomainId}/{UserProfileName}",
        identity=("DomainId", "UserProfileName"),
        status="Status",
        initial={"Status": "InService"},
        holds={  # evidence/studio-errors.md
            "App": {"DomainId": "DomainId", "UserProfileName": "UserProfileName"},
            "Space": {
                "DomainId": "DomainId",
                "OwnershipSettings.OwnerUserProfileName": "UserProfileName",
            },
        },
        missing_text="UserProfile [{name}] does not exist.",
    )
)

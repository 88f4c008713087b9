"""Spaces: where the people of a domain work, alone or together."""

from clary.resources.registry import register
from clary.resources.spec import Resource

SPACE = register(
    Resource(
        kind="Space",
        arn="space/{DomainId}/{SpaceName}",
        identity=("DomainId", "SpaceName"),
        status="Status",
        initial={"Status": "InService"},
        summary={
            "SpaceSettingsSummary": "SpaceSettings",
            "SpaceSharingSettingsSummary": "SpaceSharingSettings",
            "OwnershipSettingsSummary": "OwnershipSettings",
        },
        holds={"App": {"DomainId": "DomainId", "SpaceName": "SpaceName"}},  # evidence/studio-errors.md
        missing_text="Space [{name}] does not exist.",
    )
)

"""Partner apps: other makers' applications. They are kept; nothing serves them yet."""

from clary.resources.registry import register
from clary.resources.spec import Resource

PARTNER_APP = register(
    Resource(
        kind="PartnerApp",
        arn="partner-app/app-{PartnerAppId!u}",
        identity=("PartnerAppId",),
        generated={"PartnerAppId": "{12}"},
        arn_member="Arn",
        status="Status",
        initial={
            "Status": "Failed",
            "Error": {
                "Code": "NotRun",
                "Reason": "Clary keeps partner apps but does not run them yet; "
                "see docs/reference/operations.md.",
            },
        },
        hidden=frozenset({"Tags", "ClientToken"}),
        conflict="ConflictException",
        missing_text="Partner app {arn} does not exist.",
    )
)

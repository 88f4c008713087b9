"""Apps: what a person or a space works with. They are kept; nothing serves them yet."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

APP = register(
    Resource(
        kind="App",
        arn="app/{DomainId}/{UserProfileName!e}{SpaceName!e}/{AppType!l}/{AppName}",
        identity=("DomainId", "UserProfileName", "SpaceName", "AppType", "AppName"),
        status="Status",
        initial=not_run("Status", "apps"),
        missing_text="App [{name}] does not exist.",
    )
)

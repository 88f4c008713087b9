"""Studio lifecycle configurations: scripts that run when an app starts."""

from clary.resources.registry import register
from clary.resources.spec import Resource

STUDIO_LIFECYCLE_CONFIG = register(
    Resource(
        kind="StudioLifecycleConfig",
        arn="studio-lifecycle-config/{StudioLifecycleConfigName!l}",
        filters={"AppTypeEquals": "StudioLifecycleConfigAppType"},
        missing_text="StudioLifecycleConfig [{name}] does not exist.",
    )
)

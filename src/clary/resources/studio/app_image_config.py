"""App image configurations: which kernels an image has and where its files go."""

from clary.resources.registry import register
from clary.resources.spec import Resource

APP_IMAGE_CONFIG = register(
    Resource(
        kind="AppImageConfig",
        arn="app-image-config/{AppImageConfigName!l}",
        missing_text="AppImageConfig [{name}] does not exist.",
        conflict_text="The ID or Name specified is already in use.",  # evidence/studio-errors.md
    )
)

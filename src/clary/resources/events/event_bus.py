"""EventBridge's buses besides the default one, which every account has in every region."""

from clary.resources.registry import register
from clary.resources.spec import Resource

DEFAULT = "default"

EVENT_BUS = register(
    Resource(
        kind="EventBus",
        service="events",
        arn="event-bus/{Name}",
        arn_member="Arn",
        identity=("Name",),
        named={"Create": "", "Describe": "", "List": "", "Update": "", "Delete": ""},
        missing="ResourceNotFoundException",
        missing_text="Event bus {name} does not exist.",
        conflict="ResourceAlreadyExistsException",
        conflict_text="Event bus {name} already exists.",
        level="behaves",
    )
)

"""EventBridge's rules: which events go to which targets, or at which times an event is made for them."""

from clary.resources.registry import register
from clary.resources.spec import Resource

RULE = register(
    Resource(
        kind="Rule",
        service="events",
        arn="rule/{_Bus}{Name}",  # `_Bus` is "" for the default bus, else its name and a slash
        arn_member="Arn",
        identity=("EventBusName", "Name"),
        named={"Describe": "", "List": "", "Delete": ""},
        status="State",
        missing="ResourceNotFoundException",
        missing_text="Rule {name} does not exist on the event bus.",
        lives=True,
        level="behaves",
    )
)

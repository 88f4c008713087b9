"""SNS's topics."""

from clary.resources.registry import register
from clary.resources.spec import Resource

TOPIC = register(
    Resource(
        kind="Topic",
        service="sns",
        arn="{TopicName}",
        identity=("TopicName",),
        asked_by="Name",
        missing="NotFound",
        missing_text="Topic does not exist",
        missing_status=404,
        conflict="InvalidParameter",
        conflict_text="Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    )
)

"""SNS's subscriptions: each belongs to a topic, whose owner keeps it whoever subscribed."""

from clary.resources.registry import register
from clary.resources.spec import Resource

SUBSCRIPTION = register(
    Resource(
        kind="Subscription",
        service="sns",
        arn="{TopicName}:{SubscriptionId}",
        identity=("TopicName", "SubscriptionId"),
        generated={"SubscriptionId": ""},
        missing="NotFound",
        missing_text="Subscription does not exist",
        missing_status=404,
    )
)

"""SQS's queues. Their messages are in a table of their own, under the record's uid."""

from clary.resources.registry import register
from clary.resources.spec import Resource

QUEUE = register(
    Resource(
        kind="Queue",
        service="sqs",
        arn="{QueueName}",
        identity=("QueueName",),
        missing="QueueDoesNotExist",
        missing_text="The specified queue does not exist.",
        conflict="QueueNameExists",
        conflict_text="A queue already exists with the same name and a different value for attribute {name}",
    )
)

"""AddPermission and RemovePermission of topics."""

from __future__ import annotations

from clary.core.errors import ApiError
from clary.operations.registry import Call, operation
from clary.operations.sns.topics import topic_of
from clary.operations.sqs import permission


@operation("sns", "AddPermission")
def add(call: Call) -> None:
    """Let accounts do something with a topic."""
    request = call.request
    with call.records.database.write():
        topic = topic_of(call)
        try:
            permission.add_to(call, topic, "SNS", request["AWSAccountId"], request["ActionName"])
        except ApiError as error:
            raise _worded(error) from error


@operation("sns", "RemovePermission")
def remove(call: Call) -> None:
    """Take back what a label allowed."""
    with call.records.database.write():
        topic = topic_of(call)
        try:
            permission.remove_from(call, topic)
        except ApiError as error:
            raise _worded(error) from error


def _worded(error: ApiError) -> ApiError:
    return ApiError(f"Invalid parameter: {error.message}", code="InvalidParameter", status=400)

"""Tells a topic several messages in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.serving.asynchronous.doors import Publish


def publishing(call: Callable[[str, str, str, Document], Document]) -> Publish:
    """Return what publishes by a door for calls: (role ARN, region, operation, request)."""

    def publish(role: str, region: str, topic: str, messages: Sequence[str]) -> Sequence[str]:
        entries = [{"Id": str(number), "Message": message} for number, message in enumerate(messages)]
        request = {"TopicArn": topic, "PublishBatchRequestEntries": entries}
        try:
            failed = call(role, region, "sns:PublishBatch", request).get("Failed", ())
        except ApiError as error:
            return [error.message] * len(messages)
        why = {each["Id"]: each.get("Message") or each["Code"] for each in failed}
        return [why.get(entry["Id"], "") for entry in entries]

    return publish

"""What a topic sends to a queue: the message as it is, or in the JSON document that the documentation shows.

What the document leaves out: evidence/sns.md.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from clary.core.document import Document


@dataclass(frozen=True, kw_only=True)
class Notification:
    """One message as it was published; `bodies` holds what single protocols are told instead."""

    message_id: str
    topic: str
    message: str
    time: datetime
    subject: str | None
    attributes: Document
    bodies: dict[str, str]

    def body(self, protocol: str) -> str:
        """Return what subscribers of a protocol are told."""
        return self.bodies.get(protocol, self.message)


def of_notification(one: Notification, protocol: str, sequence: int | None) -> str:
    """Return the document for a subscriber."""
    told: Document = {"Type": "Notification", "MessageId": one.message_id}
    if sequence is not None:
        told["SequenceNumber"] = f"{sequence:020d}"
    told["TopicArn"] = one.topic
    if one.subject is not None:
        told["Subject"] = one.subject
    told |= {"Message": one.body(protocol), "Timestamp": stamp(one.time)}
    if one.attributes:
        told["MessageAttributes"] = {name: _told(value) for name, value in one.attributes.items()}
    return json.dumps(told, ensure_ascii=False, indent=2)


def of_confirmation(message_id: str, topic: str, token: str, time: datetime) -> str:
    """Return the document that asks a queue's owner to confirm a subscription."""
    told = {
        "Type": "SubscriptionConfirmation",
        "MessageId": message_id,
        "Token": token,
        "TopicArn": topic,
        "Message": f"You have chosen to subscribe to the topic {topic}.\nTo confirm the subscription, call "
        "ConfirmSubscription with the topic's ARN and the token of this message.",
        "Timestamp": stamp(time),
    }
    return json.dumps(told, indent=2)


def stamp(time: datetime) -> str:
    """Return a time as these documents spell it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def _told(value: Document) -> Document:
    if "BinaryValue" in value:
        return {"Type": value["DataType"], "Value": base64.b64encode(value["BinaryValue"]).decode()}
    return {"Type": value["DataType"], "Value": value["StringValue"]}

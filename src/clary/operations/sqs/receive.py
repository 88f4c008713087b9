"""ReceiveMessage. A look at an empty queue writes nothing; who waits for messages is held by the gateway."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import Connection

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.sqs import attributes, digest
from clary.engines.sqs.attributes import unfit
from clary.operations.registry import Call, operation
from clary.operations.sqs.queues import as_queue, is_fifo, millis, queue_of, set_on
from clary.store.queues import messages
from clary.store.queues.message import Queue, Received

MOST = 10


@operation("sqs", "ReceiveMessage")
def receive(call: Call) -> Document:
    """Answer messages that nobody else has, and keep them for the caller for a while."""
    request, record = call.request, queue_of(call)
    limit = _number(request, "MaxNumberOfMessages", 1, MOST, 1)
    hidden = attributes.number(set_on(record), "VisibilityTimeout")
    hidden = _number(request, "VisibilityTimeout", 0, attributes.NUMBERS["VisibilityTimeout"][1], hidden)
    _number(request, "WaitTimeSeconds", 0, 20, 0)
    attempt = request.get("ReceiveRequestAttemptId") or ""
    if attempt and not is_fifo(record):
        why = "The request include parameter that is not valid for this queue type"
        raise unfit("ReceiveRequestAttemptId", attempt, why)
    now, queue = millis(call.clock.now()), as_queue(call.records, record)
    with call.records.database.read() as connection:
        if not attempt and not messages.has_some(connection, queue, now):
            _check_in_flight(connection, call, queue, now)
            return {}

    def work(connection: Connection) -> list[Received]:
        return messages.receive(connection, queue, limit, hidden, now, attempt)

    found = call.objects.committer.run(work)
    return {"Messages": [_told(each, request) for each in found]} if found else {}


def _check_in_flight(connection: Connection, call: Call, queue: Queue, now: int) -> None:
    """Refuse whoever does not wait and asks a standard queue that has too many messages in flight."""
    if not queue.fifo and not waits(call)[1] and messages.is_full(connection, queue, now):
        raise ApiError(
            f"{messages.MOST_IN_FLIGHT} messages of this queue are in flight. Delete those that were "
            "processed, or let receivers hold them for a shorter visibility timeout.",
            code="OverLimit",
            status=403,
        )


def waits(call: Call) -> tuple[Queue, timedelta]:
    """Return the queue that a ReceiveMessage waits for, and for how long."""
    record = queue_of(call)
    asked = call.request.get("WaitTimeSeconds")
    if asked is None:
        asked = attributes.number(set_on(record), "ReceiveMessageWaitTimeSeconds")
    return as_queue(call.records, record), timedelta(seconds=asked)


def _told(message: Received, request: Document) -> Document:
    told: Document = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.handle,
        "MD5OfBody": digest.of_body(message.body),
        "Body": message.body,
    }
    asked = request.get("MessageSystemAttributeNames") or ()
    if known := {n: v for n, v in _system(message).items() if n in asked or "All" in asked}:
        told["Attributes"] = known
    wanted = request.get("MessageAttributeNames") or ()
    if named := {n: v for n, v in message.attributes.items() if _is_asked(n, wanted)}:
        told["MessageAttributes"] = named
        told["MD5OfMessageAttributes"] = digest.of_attributes(named)
    return told


def _system(message: Received) -> dict[str, str]:
    told = {
        **message.system,
        "SentTimestamp": str(message.sent),
        "ApproximateReceiveCount": str(message.received),
        "ApproximateFirstReceiveTimestamp": str(message.first_received),
    }
    if message.group is not None:
        told["MessageGroupId"] = message.group
    if "MessageDeduplicationId" in message.system:
        told["SequenceNumber"] = f"{message.sequence:020d}"
    return told


def _is_asked(name: str, wanted: Collection[str]) -> bool:
    return any(
        each in ("All", ".*", name) or (each.endswith(".*") and name.startswith(each[:-2])) for each in wanted
    )


def _number(request: Document, name: str, least: int, most: int, default: int) -> int:
    value = request.get(name)
    if value is None:
        return default
    if not least <= value <= most:
        raise unfit(name, value, f"Must be between {least} and {most}, if provided")
    return int(value)

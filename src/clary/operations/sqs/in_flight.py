"""Messages that were received: deleted, or kept from others for longer or shorter."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from clary.core.document import Document
from clary.engines.sqs.attributes import NUMBERS, unfit
from clary.operations.registry import Call, operation
from clary.operations.sqs import batch
from clary.operations.sqs.queues import as_queue, millis, queue_of
from clary.store.queues import messages
from clary.store.queues.message import Queue

Change = Callable[[Connection, Queue, Document, int], None]


@operation("sqs", "DeleteMessage")
def delete(call: Call) -> None:
    """Delete a message; one that is gone already is no mistake."""
    _one(call, _delete)


@operation("sqs", "DeleteMessageBatch")
def delete_batch(call: Call) -> Document:
    """Delete up to ten messages."""
    return _many(call, _delete)


@operation("sqs", "ChangeMessageVisibility")
def change(call: Call) -> None:
    """Say for how long from now a message stays with its receiver."""
    _one(call, _change)


@operation("sqs", "ChangeMessageVisibilityBatch")
def change_batch(call: Call) -> Document:
    """Say so of up to ten messages."""
    return _many(call, _change)


def _delete(connection: Connection, queue: Queue, entry: Document, now: int) -> None:
    messages.forget(connection, queue, entry["ReceiptHandle"], now)


def _change(connection: Connection, queue: Queue, entry: Document, now: int) -> None:
    seconds, most = entry.get("VisibilityTimeout") or 0, NUMBERS["VisibilityTimeout"][1]
    if not 0 <= seconds <= most:
        raise unfit(
            "VisibilityTimeout", seconds, f"VisibilityTimeout must be an integer between 0 and {most}"
        )
    messages.hide(connection, queue, entry["ReceiptHandle"], seconds, now)


def _one(call: Call, work: Change) -> None:
    now, queue = millis(call.clock.now()), as_queue(call.records, queue_of(call))
    call.objects.committer.run(lambda connection: work(connection, queue, call.request, now))


def _many(call: Call, work: Change) -> Document:
    entries = call.request["Entries"]
    batch.check(entries)
    now, queue = millis(call.clock.now()), as_queue(call.records, queue_of(call))

    def do(connection: Connection, entry: Document) -> Document:
        work(connection, queue, entry, now)
        return {}

    return call.objects.committer.run(lambda connection: batch.each(entries, lambda e: do(connection, e)))

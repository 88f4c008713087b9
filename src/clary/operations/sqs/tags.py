"""Tags of queues: told as a map, kept as every record keeps its own."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.tags import listed, retagged, tags_of
from clary.engines.sqs.attributes import invalid
from clary.operations.registry import Call, operation
from clary.operations.sqs.queues import queue_of

LIMIT = 50  # Tags a queue may have.


@operation("sqs", "TagQueue")
def add(call: Call) -> None:
    """Add tags to a queue, or replace their values."""
    _change(call, add=call.request["Tags"])


@operation("sqs", "UntagQueue")
def remove(call: Call) -> None:
    """Take tags off a queue."""
    _change(call, gone=set(call.request["TagKeys"]))


@operation("sqs", "ListQueueTags")
def page(call: Call) -> Document:
    """Answer a queue's tags."""
    tags = tags_of(queue_of(call).doc.get("Tags"))
    return {"Tags": tags} if tags else {}


def _change(call: Call, *, add: object = None, gone: set[str] | None = None) -> None:
    with call.records.database.write():
        record = queue_of(call)
        tags = retagged(record.doc.get("Tags"), add, gone or ())
        if len(tags) > LIMIT:
            raise invalid(f"{record.name} would have {len(tags)} tags; a queue may have {LIMIT}.")
        call.records.update(record, {"Tags": listed(tags)}, touch=False)

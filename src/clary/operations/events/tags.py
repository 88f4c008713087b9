"""Tags of rules and buses."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.tags import listed, retagged, tags_of
from clary.operations.events.buses import limit
from clary.operations.registry import Call, operation
from clary.store.record import Record

LIMIT = 50


@operation("events", "TagResource")
def add(call: Call) -> None:
    """Add tags, or replace the values of those that are there."""
    with call.records.database.write():
        record = _tagged(call)
        tags = retagged(record.doc.get("Tags"), call.request["Tags"])
        if len(tags) > LIMIT:
            raise limit(f"{record.arn} would have {len(tags)} tags; it may have {LIMIT}.")
        call.records.update(record, {"Tags": listed(tags)}, touch=False)


@operation("events", "UntagResource")
def remove(call: Call) -> None:
    """Take tags away; a key that is not there is no mistake."""
    with call.records.database.write():
        record = _tagged(call)
        tags = retagged(record.doc.get("Tags"), gone=set(call.request["TagKeys"]))
        call.records.update(record, {"Tags": listed(tags)}, touch=False)


@operation("events", "ListTagsForResource")
def page(call: Call) -> Document:
    """Answer all tags."""
    return {"Tags": listed(tags_of(_tagged(call).doc.get("Tags")))}


def _tagged(call: Call) -> Record:
    arn = call.request["ResourceARN"]
    record = call.records.by_arn(arn)
    if record is None or (record.service, record.account, record.region) != (
        "events",
        call.account,
        call.region,
    ):
        words = f"{arn} is no rule and no event bus that was made here."
        raise ApiError(words, code="ResourceNotFoundException", status=400)
    return record

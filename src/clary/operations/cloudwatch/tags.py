"""Tags of alarms and dashboards."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.tags import listed, retagged, tags_of
from clary.operations.cloudwatch.words import invalid
from clary.operations.registry import Call, operation
from clary.store.record import Record

LIMIT = 50


@operation("cloudwatch", "TagResource")
def add(call: Call) -> None:
    """Add tags, or replace the values of those that are there."""
    with call.records.database.write():
        record = _tagged(call)
        tags = retagged(record.doc.get("Tags"), call.request["Tags"])
        if len(tags) > LIMIT:
            raise invalid(f"{record.arn} would have {len(tags)} tags; a resource may have {LIMIT}.")
        _write(call, record, tags)


@operation("cloudwatch", "UntagResource")
def remove(call: Call) -> None:
    """Take tags away; a key that is not there is no mistake."""
    with call.records.database.write():
        record = _tagged(call)
        _write(call, record, retagged(record.doc.get("Tags"), gone=set(call.request["TagKeys"])))


@operation("cloudwatch", "ListTagsForResource")
def page(call: Call) -> Document:
    """Answer all tags."""
    return {"Tags": listed(tags_of(_tagged(call).doc.get("Tags")))}


def _write(call: Call, record: Record, tags: dict[str, str]) -> None:
    call.records.update(record, {"Tags": listed(tags)}, touch=False)


def _tagged(call: Call) -> Record:
    arn = call.request["ResourceARN"]
    record = call.records.by_arn(arn)
    here = (call.account, "cloudwatch")
    if record is None or (record.account, record.service) != here or record.region not in ("", call.region):
        kind = arn.rpartition("/")[0].rpartition(":")[2] or "alarm"
        raise ApiError(
            f"Unknown resource: {arn}",
            code="ResourceNotFoundException",
            status=404,
            members={"ResourceType": kind[:64], "ResourceId": arn},
        )
    return record

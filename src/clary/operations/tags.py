"""Tags of every resource that has an ARN: AddTags, ListTags and DeleteTags.

Tags live in the record's own `Tags`, where Create put the first ones.
"""

from __future__ import annotations

from clary.core.arn import parse
from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.core.tags import listed, retagged
from clary.operations.registry import Call, operation
from clary.store.record import Record

LIMIT = 50  # Tags a resource may have.


@operation("sagemaker", "AddTags", level="conforms")
def add(call: Call) -> Document:
    """Add tags, or replace the values of those that are there; answer all of them."""
    with call.records.database.write():
        record = _tagged(call)
        tags = retagged(record.doc.get("Tags"), call.request["Tags"])
        if len(tags) > LIMIT:
            raise ApiError(
                f"{record.arn} would have {len(tags)} tags; a resource may have {LIMIT}.",
                code="ResourceLimitExceeded",
                status=400,
            )
        return {"Tags": _write(call, record, tags)}


@operation("sagemaker", "ListTags", level="conforms")
def page(call: Call) -> Document:
    """Answer all tags: there are never more than one page of them."""
    return {"Tags": _tagged(call).doc.get("Tags", [])}


@operation("sagemaker", "DeleteTags", level="conforms")
def remove(call: Call) -> Document:
    """Take tags away; a key that is not there is no mistake."""
    with call.records.database.write():
        record = _tagged(call)
        _write(call, record, retagged(record.doc.get("Tags"), gone=set(call.request["TagKeys"])))
    return {}


def _write(call: Call, record: Record, tags: dict[str, str]) -> list[Document]:
    told = listed(tags)
    call.records.update(record, {"Tags": told}, touch=False)
    return told


def _tagged(call: Call) -> Record:
    text = call.request["ResourceArn"]
    arn = parse(text)
    if arn is None or arn.service != call.service:
        raise ValidationError(f"{text} is not the ARN of a SageMaker resource.")
    if (arn.account, arn.region) != (call.account, call.region):
        raise ValidationError(f"{text} is not in account {call.account}, region {call.region}.")
    record = call.records.by_arn(text)
    if record is None:
        raise ValidationError(f"Could not find resource with ARN {text}.")
    return record

"""DeleteObject and DeleteObjects."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.registry import Call, operation
from clary.operations.s3.request import bucket_of, check_version, writing
from clary.store.objects.conditions import Writing
from clary.store.objects.errors import refused

_MOST = 1000


@operation("s3", "DeleteObject")
def delete(call: Call) -> Document:
    """Delete an object; one that is not there is as good as deleted."""
    bucket = bucket_of(call)
    check_version(call.request)
    call.objects.delete(bucket.name, call.request["Key"], writing(call.request))
    return {}


@operation("s3", "DeleteObjects")
def delete_many(call: Call) -> Document:
    """Delete up to a thousand objects; each is answered for itself, with `Quiet` only the failures."""
    bucket = bucket_of(call)
    named = call.request["Delete"].get("Objects", [])
    if not 1 <= len(named) <= _MOST:
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise refused("MalformedXML", message)
    wrong = [_version_error(item) for item in named]
    doomed = [item for item, error in zip(named, wrong, strict=True) if error is None]
    outcome = iter(
        call.objects.delete_many(bucket.name, [(item["Key"], _conditions(item)) for item in doomed])
    )
    deleted, errors = [], []
    for item, error in zip(named, wrong, strict=True):
        refusal = error or next(outcome)
        identity = {name: item[name] for name in ("Key", "VersionId") if item.get(name) is not None}
        if refusal is None:
            deleted.append(identity)
        else:
            errors.append({**identity, "Code": refusal.code, "Message": refusal.message})
    answer: Document = {} if call.request["Delete"].get("Quiet") else {"Deleted": deleted}
    return {**answer, "Errors": errors} if errors else answer


def _conditions(item: Document) -> Writing:
    return Writing(if_match=item.get("ETag"), size=item.get("Size"), modified=item.get("LastModifiedTime"))


def _version_error(item: Document) -> ApiError | None:
    try:
        check_version(item)
    except ApiError as error:
        return error
    return None

"""DeleteObject and DeleteObjects."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.registry import Call, operation
from clary.operations.s3 import versioning
from clary.operations.s3.request import bucket_of, writing
from clary.store.objects.conditions import Writing
from clary.store.objects.errors import refused
from clary.store.objects.model import Removal

_MOST = 1000


@operation("s3", "DeleteObject")
def delete(call: Call) -> Document:
    """Delete an object, hide it behind a marker where versions are kept, or remove one version for good."""
    bucket, request = bucket_of(call), call.request
    removal = call.objects.delete(bucket.name, request["Key"], writing(request), versioning.asked(request))
    return versioning.deleted(removal)


@operation("s3", "DeleteObjects")
def delete_many(call: Call) -> Document:
    """Delete up to a thousand objects; each is answered for itself, with `Quiet` only the failures."""
    bucket = bucket_of(call)
    named = call.request["Delete"].get("Objects", [])
    if not 1 <= len(named) <= _MOST:
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise refused("MalformedXML", message)
    wrong = [call.refused.get(place) or _version_error(item) for place, item in enumerate(named)]
    doomed = [
        (item["Key"], versioning.asked(item), _conditions(item))
        for item, error in zip(named, wrong, strict=True)
        if error is None
    ]
    outcomes = iter(call.objects.delete_many(bucket.name, doomed))
    deleted, errors = [], []
    for item, error in zip(named, wrong, strict=True):
        outcome = error or next(outcomes)
        identity = {name: item[name] for name in ("Key", "VersionId") if item.get(name) is not None}
        if isinstance(outcome, ApiError):
            errors.append({**identity, "Code": outcome.code, "Message": outcome.message})
        else:
            deleted.append({**identity, **_marked(outcome)})
    answer: Document = {} if call.request["Delete"].get("Quiet") else {"Deleted": deleted}
    return {**answer, "Errors": errors} if errors else answer


def _marked(removal: Removal) -> Document:
    """Return what one entry says of a marker: the one that was set, or the one that was removed."""
    return {"DeleteMarker": True, "DeleteMarkerVersionId": removal.version} if removal.marker else {}


def _conditions(item: Document) -> Writing:
    return Writing(if_match=item.get("ETag"), size=item.get("Size"), modified=item.get("LastModifiedTime"))


def _version_error(item: Document) -> ApiError | None:
    try:
        versioning.asked(item)
    except ApiError as error:
        return error
    return None

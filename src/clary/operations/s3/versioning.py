"""Whether a bucket keeps versions, and what answers say about them: evidence/s3-versions.md."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.operations.s3.request import bucket_of
from clary.store.objects import Bucket, ObjectInfo
from clary.store.objects.errors import refused
from clary.store.objects.model import Removal
from clary.store.objects.versions import check_id


@operation("s3", "GetBucketVersioning")
def get(call: Call) -> Document:
    """Answer the status; a bucket that never kept versions has none."""
    status = bucket_of(call).versioning
    return {} if status is None else {"Status": status}


@operation("s3", "PutBucketVersioning")
def put(call: Call) -> Document:
    """Turn versions on, or suspend them; they are never off again."""
    bucket = bucket_of(call)
    configuration = call.request["VersioningConfiguration"]
    if configuration.get("MFADelete") == "Enabled":
        raise refused("NotImplemented", "MFA delete is not implemented.")
    status = configuration.get("Status")
    if status not in ("Enabled", "Suspended"):
        message = "The Versioning element must be specified"
        raise refused("IllegalVersioningConfigurationException", message)
    call.objects.configure(bucket.name, {"Versioning": status})
    return {}


def asked(request: Document) -> str | None:
    """Return the version a request names, None for the present one; refuse what can be no version id."""
    return check_id(request.get("VersionId"))


def told(bucket: Bucket, info: ObjectInfo) -> Document:
    """Return the answer's member for the version that was read or written."""
    return {} if bucket.versioning is None else {"VersionId": info.version}


def deleted(removal: Removal) -> Document:
    """Return the answer's members for a deletion."""
    members: Document = {} if removal.version is None else {"VersionId": removal.version}
    return {**members, "DeleteMarker": True} if removal.marker else members

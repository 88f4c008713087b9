"""The tags of an object."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.operations.s3.attributes import checked_tags
from clary.operations.s3.request import bucket_of, check_version


@operation("s3", "GetObjectTagging")
def get(call: Call) -> Document:
    """Answer an object's tags, an empty set when there are none."""
    bucket = bucket_of(call)
    check_version(call.request)
    return {"TagSet": call.objects.get(bucket.name, call.request["Key"]).attributes.get("Tags", [])}


@operation("s3", "PutObjectTagging")
def put(call: Call) -> Document:
    """Replace an object's tags."""
    bucket = bucket_of(call)
    check_version(call.request)
    tags = checked_tags(call.request["Tagging"].get("TagSet", []), most=10)
    call.objects.amend(bucket.name, call.request["Key"], {"Tags": tags})
    return {}


@operation("s3", "DeleteObjectTagging")
def delete(call: Call) -> Document:
    """Take all tags off an object."""
    bucket = bucket_of(call)
    check_version(call.request)
    call.objects.amend(bucket.name, call.request["Key"], {}, remove=["Tags"])
    return {}

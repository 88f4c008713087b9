"""The tags of an object."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.operations.s3.attributes import checked_tags
from clary.operations.s3.request import bucket_of
from clary.operations.s3.versioning import asked, told


@operation("s3", "GetObjectTagging")
def get(call: Call) -> Document:
    """Answer an object's tags, an empty set when there are none."""
    bucket = bucket_of(call)
    info = call.objects.get(bucket.name, call.request["Key"], asked(call.request))
    return {"TagSet": info.attributes.get("Tags", []), **told(bucket, info)}


@operation("s3", "PutObjectTagging")
def put(call: Call) -> Document:
    """Replace an object's tags."""
    bucket = bucket_of(call)
    tags = checked_tags(call.request["Tagging"].get("TagSet", []), most=10)
    key, version = call.request["Key"], asked(call.request)
    return told(bucket, call.objects.amend(bucket.name, key, {"Tags": tags}, version=version))


@operation("s3", "DeleteObjectTagging")
def delete(call: Call) -> Document:
    """Take all tags off an object."""
    bucket = bucket_of(call)
    key, version = call.request["Key"], asked(call.request)
    return told(bucket, call.objects.amend(bucket.name, key, {}, remove=["Tags"], version=version))

"""What a bucket's configuration calls keep."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.operations.s3.attributes import checked_tags
from clary.operations.s3.bucket_policy import ALL_BLOCKED, BLOCKS
from clary.operations.s3.request import bucket_of
from clary.store.objects.errors import refused


@operation("s3", "GetPublicAccessBlock")
def get_public_access_block(call: Call) -> Document:
    """Answer the setting; a new bucket has all four, as on AWS."""
    kept = bucket_of(call).settings.get("PublicAccessBlock", ALL_BLOCKED)
    if kept is None:
        message = "The public access block configuration was not found"
        raise refused("NoSuchPublicAccessBlockConfiguration", message)
    return {"PublicAccessBlockConfiguration": kept}


@operation("s3", "PutPublicAccessBlock")
def put_public_access_block(call: Call) -> Document:
    """Keep the setting; what is left out is off."""
    given = call.request["PublicAccessBlockConfiguration"]
    kept = {name: bool(given.get(name)) for name in BLOCKS}
    call.objects.configure(bucket_of(call).name, {"PublicAccessBlock": kept})
    return {}


@operation("s3", "DeletePublicAccessBlock")
def delete_public_access_block(call: Call) -> Document:
    """Drop the setting, which also ends the default."""
    call.objects.configure(bucket_of(call).name, {"PublicAccessBlock": None})
    return {}


@operation("s3", "GetBucketEncryption")
def get_encryption(call: Call) -> Document:
    """Answer what was put. There is no default: contents lie unencrypted on this machine's disk."""
    kept = bucket_of(call).settings.get("Encryption")
    if kept is None:
        message = "The server side encryption configuration was not found"
        raise refused("ServerSideEncryptionConfigurationNotFoundError", message)
    return {"ServerSideEncryptionConfiguration": kept}


@operation("s3", "PutBucketEncryption")
def put_encryption(call: Call) -> Document:
    """Keep the configuration, which changes nothing about how contents are stored."""
    kept = call.request["ServerSideEncryptionConfiguration"]
    call.objects.configure(bucket_of(call).name, {"Encryption": kept})
    return {}


@operation("s3", "DeleteBucketEncryption")
def delete_encryption(call: Call) -> Document:
    """Drop the configuration."""
    call.objects.configure(bucket_of(call).name, {}, remove=["Encryption"])
    return {}


@operation("s3", "GetBucketTagging")
def get_tagging(call: Call) -> Document:
    """Answer the bucket's tags."""
    tags = bucket_of(call).settings.get("Tags")
    if not tags:
        raise refused("NoSuchTagSet", "The TagSet does not exist")
    return {"TagSet": tags}


@operation("s3", "PutBucketTagging")
def put_tagging(call: Call) -> Document:
    """Replace the bucket's tags."""
    tags = checked_tags(call.request["Tagging"].get("TagSet", []), most=50)
    call.objects.configure(bucket_of(call).name, {"Tags": tags})
    return {}


@operation("s3", "DeleteBucketTagging")
def delete_tagging(call: Call) -> Document:
    """Take all tags off the bucket."""
    call.objects.configure(bucket_of(call).name, {}, remove=["Tags"])
    return {}

"""What a bucket's configuration calls keep, and what they answer about features that are not there."""

from __future__ import annotations

from collections.abc import Callable

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.registry import Call, operation
from clary.operations.s3.attributes import checked_tags
from clary.operations.s3.get_object import full_control
from clary.operations.s3.request import bucket_of
from clary.store.objects.errors import refused

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_ALL_BLOCKED = dict.fromkeys(_BLOCKS, True)

# What S3 answers while a feature was never configured. None can be configured here, so it is always true.
_EMPTY: dict[str, Document] = {
    "GetBucketVersioning": {},
    "GetBucketLogging": {},
    "GetBucketNotificationConfiguration": {},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "GetBucketOwnershipControls": {
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    },
}
_ABSENT = {
    "GetBucketCors": ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "GetBucketLifecycleConfiguration": (
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    ),
    "GetBucketWebsite": (
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ),
    "GetBucketReplication": (
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    ),
    "GetObjectLockConfiguration": (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
}


@operation("s3", "GetBucketAcl")
def get_acl(call: Call) -> Document:
    """Answer that the owner has full control: ACLs are off, as they are in every new bucket on AWS."""
    return full_control(bucket_of(call).account)


@operation("s3", "GetPublicAccessBlock")
def get_public_access_block(call: Call) -> Document:
    """Answer the setting; a new bucket has all four, as on AWS."""
    kept = bucket_of(call).settings.get("PublicAccessBlock", _ALL_BLOCKED)
    if kept is None:
        message = "The public access block configuration was not found"
        raise refused("NoSuchPublicAccessBlockConfiguration", message)
    return {"PublicAccessBlockConfiguration": kept}


@operation("s3", "PutPublicAccessBlock")
def put_public_access_block(call: Call) -> Document:
    """Keep the setting; what is left out is off."""
    given = call.request["PublicAccessBlockConfiguration"]
    kept = {name: bool(given.get(name)) for name in _BLOCKS}
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


def _answer(members: Document) -> Callable[[Call], Document]:
    def get(call: Call) -> Document:
        bucket_of(call)
        return dict(members)

    return get


def _refuse(code: str, message: str) -> Callable[[Call], Document]:
    def get(call: Call) -> Document:
        raise ApiError(message, code=code, status=404, members={"BucketName": bucket_of(call).name})

    return get


for _name, _members in _EMPTY.items():
    operation("s3", _name)(_answer(_members))
for _name, _error in _ABSENT.items():
    operation("s3", _name)(_refuse(*_error))

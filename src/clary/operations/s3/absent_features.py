"""Features that no bucket has here: what is answered of them, and which settings come to the same as none.

Clients read these on every look at a bucket, and take a feature away whether it was there or not. To turn one
on is refused by name; to say that it is off is a success.
"""

from __future__ import annotations

from collections.abc import Callable

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.registry import Call, operation
from clary.operations.s3.request import bucket_of
from clary.operations.s3.versioning import asked
from clary.store.objects.errors import refused

# What S3 answers while a feature was never configured.
_EMPTY: dict[str, Document] = {
    "GetBucketAbac": {"AbacStatus": {"Status": "Disabled"}},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketLogging": {},
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "ListBucketAnalyticsConfigurations": {"IsTruncated": False},
    "ListBucketIntelligentTieringConfigurations": {"IsTruncated": False},
    "ListBucketInventoryConfigurations": {"IsTruncated": False},
    "ListBucketMetricsConfigurations": {"IsTruncated": False},
    "DeleteBucketReplication": {},
    "DeleteBucketWebsite": {},
}
_NO_CONFIGURATION = ("NoSuchConfiguration", "The specified configuration does not exist.")
_NO_METADATA = ("MetadataConfigurationNotFound", "The metadata configuration does not exist.")
_ABSENT = {
    "DeleteBucketAnalyticsConfiguration": _NO_CONFIGURATION,
    "DeleteBucketIntelligentTieringConfiguration": _NO_CONFIGURATION,
    "DeleteBucketInventoryConfiguration": _NO_CONFIGURATION,
    "DeleteBucketMetricsConfiguration": _NO_CONFIGURATION,
    "GetBucketAnalyticsConfiguration": _NO_CONFIGURATION,
    "GetBucketIntelligentTieringConfiguration": _NO_CONFIGURATION,
    "GetBucketInventoryConfiguration": _NO_CONFIGURATION,
    "GetBucketMetricsConfiguration": _NO_CONFIGURATION,
    "GetBucketMetadataConfiguration": _NO_METADATA,
    "GetBucketMetadataTableConfiguration": _NO_METADATA,
    "GetBucketReplication": (
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    ),
    "GetBucketWebsite": (
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ),
    "GetObjectLockConfiguration": (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
}

# The member that configures a feature, and the values of it that come to the same as none.
_OFF: dict[str, tuple[str, list[Document]]] = {
    "PutBucketAbac": ("AbacStatus", [{"Status": "Disabled"}]),
    "PutBucketAccelerateConfiguration": ("AccelerateConfiguration", [{"Status": "Suspended"}, {}]),
    "PutBucketLogging": ("BucketLoggingStatus", [{}]),
    "PutBucketRequestPayment": ("RequestPaymentConfiguration", [{"Payer": "BucketOwner"}]),
}
_OF_LOCK = ("GetObjectRetention", "PutObjectRetention", "GetObjectLegalHold", "PutObjectLegalHold")
_ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")


@operation("s3", "RestoreObject")
def restore(call: Call) -> Document:
    """Refuse: whatever storage class an object was given, it is never away."""
    info = call.objects.get(bucket_of(call).name, call.request["Key"], asked(call.request))
    if info.attributes.get("StorageClass") in _ARCHIVED:
        raise refused("NotImplemented", "Objects are not archived here: read it as it is.")
    message = "Restore is not allowed for the object's current storage class"
    raise ApiError(message, code="InvalidObjectState", status=403)


def _answer(members: Document) -> Callable[[Call], Document]:
    def answer(call: Call) -> Document:
        bucket_of(call)
        return dict(members)

    return answer


def _refuse(code: str, message: str) -> Callable[[Call], Document]:
    def refuse(call: Call) -> Document:
        raise ApiError(message, code=code, status=404, members={"BucketName": bucket_of(call).name})

    return refuse


def _only_off(name: str, member: str, values: list[Document]) -> Callable[[Call], Document]:
    def put(call: Call) -> Document:
        bucket_of(call)
        if {key: value for key, value in call.request[member].items() if value not in (None, [])} in values:
            return {}
        feature = name.removeprefix("PutBucket").removesuffix("Configuration")
        raise refused("NotImplemented", f"{feature} is not implemented; only its absence can be configured.")

    return put


def _unlocked(call: Call) -> Document:
    bucket = bucket_of(call)
    call.objects.get(bucket.name, call.request["Key"], asked(call.request))
    raise refused("InvalidRequest", "Bucket is missing Object Lock Configuration")


for _name, _members in _EMPTY.items():
    operation("s3", _name)(_answer(_members))
for _name, _error in _ABSENT.items():
    operation("s3", _name)(_refuse(*_error))
for _name, (_member, _values) in _OFF.items():
    operation("s3", _name)(_only_off(_name, _member, _values))
for _name in _OF_LOCK:
    operation("s3", _name)(_unlocked)

"""S3: which of its documented actions each operation stands for.

Object operations act on `arn:aws:s3:::bucket/key`, bucket operations on `arn:aws:s3:::bucket`.
"""

from __future__ import annotations

from urllib.parse import unquote

from clary.core.document import Document
from clary.operations.permissions.need import Need

_OBJECT = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObject": "DeleteObject",
    "DeleteObjectTagging": "DeleteObjectTagging",
    "GetObject": "GetObject",
    "GetObjectAcl": "GetObjectAcl",
    "GetObjectAttributes": "GetObject",
    "GetObjectTagging": "GetObjectTagging",
    "HeadObject": "GetObject",
    "ListParts": "ListMultipartUploadParts",
    "PutObject": "PutObject",
    "PutObjectAcl": "PutObjectAcl",
    "PutObjectTagging": "PutObjectTagging",
    "SelectObjectContent": "GetObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
_BUCKET = {
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
_CONDITIONS = {
    "Prefix": "s3:prefix",
    "Delimiter": "s3:delimiter",
    "MaxKeys": "s3:max-keys",
    "ACL": "s3:x-amz-acl",
    "CopySource": "s3:x-amz-copy-source",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "StorageClass": "s3:x-amz-storage-class",
    "VersionId": "s3:versionid",
    "CreateBucketConfiguration": "s3:locationconstraint",
    "IfNoneMatch": "s3:if-none-match",
    "IfMatch": "s3:if-match",
}
_VERSIONED = frozenset({"GetObject", "DeleteObject", "GetObjectTagging", "PutObjectTagging", "GetObjectAcl"})


def needs(operation: str, request: Document) -> list[Need]:
    """Return the permissions an S3 operation needs, the first one first."""
    if operation == "ListBuckets":
        return [Need("s3:ListAllMyBuckets", "*")]
    context = _context(request)
    bucket = f"arn:aws:s3:::{bucket_name(request)}"
    if operation == "DeleteObjects":
        return [_deletion(bucket, item) for item in request.get("Delete", {}).get("Objects", [])]
    if operation not in _OBJECT and "Key" not in request:
        return [Need(f"s3:{_BUCKET.get(operation, operation)}", bucket, context)]
    action = _versioned(_OBJECT.get(operation, operation), request)
    found = [Need(f"s3:{action}", f"{bucket}/{request.get('Key', '')}", context)]
    if operation in ("CopyObject", "UploadPartCopy"):
        found.insert(0, _source(request))
    if operation in ("PutObject", "CreateMultipartUpload", "CopyObject") and request.get("Tagging"):
        found.append(Need("s3:PutObjectTagging", found[-1].resource, context))
    return found


def bucket_name(request: Document) -> str:
    """Return the bucket a request names, which may come as an ARN."""
    name: str = request.get("Bucket", "")
    return name.removeprefix("arn:aws:s3:::")


def bucket_of(resource: str) -> str:
    """Return the bucket that an S3 ARN lies in."""
    return resource.removeprefix("arn:aws:s3:::").split("/", 1)[0]


def _versioned(action: str, request: Document) -> str:
    if action not in _VERSIONED or not request.get("VersionId"):
        return action
    return action.replace("Object", "ObjectVersion", 1)


def _deletion(bucket: str, item: Document) -> Need:
    return Need(f"s3:{_versioned('DeleteObject', item)}", f"{bucket}/{item.get('Key', '')}")


def _source(request: Document) -> Need:
    source, _, version = str(request.get("CopySource", "")).partition("?versionId=")
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    return Need(action, f"arn:aws:s3:::{unquote(source).lstrip('/')}")


def _context(request: Document) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {}
    for member, key in _CONDITIONS.items():
        value = request.get(member)
        if isinstance(value, dict):
            value = value.get("LocationConstraint")
        if value is not None:
            context[key] = (str(value),)
    if request.get("Tagging") and isinstance(request["Tagging"], str):
        pairs = [pair.partition("=") for pair in request["Tagging"].split("&")]
        context["s3:requestobjecttagkeys"] = tuple(unquote(name) for name, _, _ in pairs)
        for name, _, value in pairs:
            context[f"s3:requestobjecttag/{unquote(name).lower()}"] = (unquote(value),)
    return context

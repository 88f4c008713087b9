"""What S3 does and its service model does not say, as data."""

from __future__ import annotations

import base64
import re

from botocore.model import ServiceModel

# The roots of answers; the model leaves them out because botocore never looks at them.
# Source: response syntax in the S3 API reference.
ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycle": "LifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationResult",
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult",
    "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

# The one answer whose only member is the text of the root itself.
UNWRAPPED = {"GetBucketLocation": "LocationConstraint"}

# Success without a body that the model does not mark.
STATUS = {"PutBucketPolicy": 204, "PutBucketTagging": 204}

# What an error that met a delete marker says of it, in headers: HEAD reads no body.
OF_MARKER = {
    "DeleteMarker": "x-amz-delete-marker",
    "VersionId": "x-amz-version-id",
    "Allow": "allow",
    "LastModified": "last-modified",
}

# 206 when a range was asked for and served.
PARTIAL = frozenset({"GetObject", "HeadObject"})

# `GET /` means one thing on S3's own endpoint and another on S3 Express's, which is not served here.
SHADOWED = frozenset({"ListDirectoryBuckets"})

# Query keys that make a PUT an upload of a part: one alone is a mistake, and storing an object worse.
PART_KEYS = ("uploadId", "partNumber")

_AWS_HOST = re.compile(r"(?P<bucket>.+)\.s3(?:[.-][a-z0-9.-]*)?\.amazonaws\.com(?:\.cn)?")


def is_s3(service: ServiceModel) -> bool:
    """Tell whether the model is that of S3."""
    return service.metadata.get("serviceId") == "S3"


def bucket_of_host(host: str) -> str | None:
    """Return the bucket a virtual-hosted request names in its Host header."""
    name = host.rpartition(":")[0] if re.search(r":[0-9]+$", host) else host
    name = name.lower().rstrip(".")
    if match := _AWS_HOST.fullmatch(name):
        return match["bucket"]
    if name.endswith(".localhost"):
        bucket = name.removesuffix(".localhost")
        bucket = "" if bucket == "s3" else bucket.removesuffix(".s3")
        return bucket or None
    return None


def host_id(request_id: str) -> str:
    """Return the second id S3 gives every request."""
    return base64.b64encode(request_id.encode()).decode()

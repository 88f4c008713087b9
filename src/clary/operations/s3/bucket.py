"""Buckets: create, look up, list, delete. Where the model is silent: evidence/s3-objects.md."""

from __future__ import annotations

import base64
import binascii

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.registry import Call, operation
from clary.operations.s3.attributes import check_supported, checked_tags
from clary.operations.s3.request import bucket_of, limit, owner
from clary.store.objects import Bucket
from clary.store.objects.errors import refused

_HOME_REGION = "us-east-1"  # S3's own first region: the one that has no name as a location.
_MOST_BUCKETS = 10_000


@operation("s3", "CreateBucket")
def create(call: Call) -> Document:
    """Make a bucket where the request says, in the region it was sent to by default."""
    request = call.request
    check_supported(request)
    _check_options(request)
    configuration = request.get("CreateBucketConfiguration") or {}
    region = _location(configuration.get("LocationConstraint"), call.region)
    tags = checked_tags(configuration.get("Tags") or [], most=50)
    try:
        bucket = call.objects.create_bucket(request["Bucket"], call.account, region)
    except ApiError as error:
        if error.code != "BucketAlreadyOwnedByYou" or call.region != _HOME_REGION:
            raise
        # S3's first region answers success here, for the sake of old clients.
        bucket = call.objects.bucket(request["Bucket"])
    if tags:
        call.objects.configure(bucket.name, {"Tags": tags})
    return {"Location": f"/{bucket.name}", "BucketArn": _arn(bucket)}


@operation("s3", "HeadBucket")
def head(call: Call) -> Document:
    """Answer that a bucket is there, and in which region."""
    bucket = bucket_of(call)
    return {"BucketRegion": bucket.region, "BucketArn": _arn(bucket)}


@operation("s3", "GetBucketLocation")
def location(call: Call) -> Document:
    """Answer a bucket's region; S3's first one is told by leaving it out."""
    bucket = bucket_of(call)
    return {} if bucket.region == _HOME_REGION else {"LocationConstraint": bucket.region}


@operation("s3", "DeleteBucket")
def delete(call: Call) -> Document:
    """Delete an empty bucket."""
    call.objects.delete_bucket(bucket_of(call).name)
    return {}


@operation("s3", "ListBuckets")
def list_all(call: Call) -> Document:
    """Answer the caller's own buckets in order of their names."""
    request = call.request
    most = limit(request, "MaxBuckets", "max-buckets", _MOST_BUCKETS) or _MOST_BUCKETS
    after = _from_token(request.get("ContinuationToken"))
    prefix, region = request.get("Prefix") or "", request.get("BucketRegion")
    found = [
        bucket
        for bucket in call.objects.buckets(call.account)
        if bucket.name > after and bucket.name.startswith(prefix) and region in (None, bucket.region)
    ]
    answer: Document = {
        "Buckets": [_entry(bucket) for bucket in found[:most]],
        "Owner": owner(call.account),
    }
    if len(found) > most:
        answer["ContinuationToken"] = base64.urlsafe_b64encode(found[most - 1].name.encode()).decode()
    if prefix:
        answer["Prefix"] = prefix
    return answer


def _location(constraint: str | None, region: str) -> str:
    if constraint == _HOME_REGION:
        raise refused(
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
            LocationConstraint=constraint,
        )
    if constraint is None and region == _HOME_REGION:
        return region
    if constraint is None or region not in (_HOME_REGION, constraint):
        raise refused(
            "IllegalLocationConstraintException",
            f"The {constraint or 'unspecified'} location constraint is incompatible for the region "
            "specific endpoint this request was sent to.",
        )
    return constraint


def _check_options(request: Document) -> None:
    configuration = request.get("CreateBucketConfiguration") or {}
    directory = "Location" in configuration or "Bucket" in configuration
    if directory or request.get("BucketNamespace", "global") != "global":
        raise refused(
            "NotImplemented", "Only general purpose buckets in the global namespace are implemented."
        )
    if request.get("ObjectLockEnabledForBucket"):
        raise refused("NotImplemented", "Object Lock is not implemented.")
    if request.get("ObjectOwnership", "BucketOwnerEnforced") != "BucketOwnerEnforced":
        raise refused("NotImplemented", "Only the object ownership BucketOwnerEnforced is implemented.")


def _entry(bucket: Bucket) -> Document:
    return {
        "Name": bucket.name,
        "CreationDate": bucket.created,
        "BucketRegion": bucket.region,
        "BucketArn": _arn(bucket),
    }


def _arn(bucket: Bucket) -> str:
    return f"arn:aws:s3:::{bucket.name}"


def _from_token(token: str | None) -> str:
    try:
        return base64.b64decode(token or "", altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        message = "The continuation token provided is incorrect"
        raise refused("InvalidArgument", message, ArgumentName="continuation-token") from error

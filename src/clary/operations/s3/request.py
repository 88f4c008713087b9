"""What S3's operations share: reading a request's members, and the pieces that many answers have."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote

from clary.core.document import Document
from clary.operations.registry import Call
from clary.store.objects import Bucket, checksums
from clary.store.objects.checksums import Checksum
from clary.store.objects.conditions import Reading, Writing
from clary.store.objects.errors import refused

_ACCOUNT = re.compile(r"\d{12}")


def bucket_of(call: Call) -> Bucket:
    """Return the bucket a request names, once its owner is the one the caller expects."""
    bucket = call.objects.bucket(call.request["Bucket"])
    check_owner(bucket, call.request.get("ExpectedBucketOwner"))
    return bucket


def check_owner(bucket: Bucket, expected: str | None) -> None:
    """Refuse a bucket of another account than the caller expects."""
    if expected is None:
        return
    if not _ACCOUNT.fullmatch(expected):
        message = "The value of the expected bucket owner parameter must be an AWS account ID"
        raise refused("InvalidBucketOwnerAWSAccountID", message)
    if expected != bucket.account:
        raise refused("AccessDenied", "Access Denied")


def reading(request: Document, prefix: str = "") -> Reading:
    """Return the conditions on the object that is read, or on a copy's source."""
    return Reading(
        if_match=request.get(f"{prefix}IfMatch"),
        if_none_match=request.get(f"{prefix}IfNoneMatch"),
        if_modified_since=request.get(f"{prefix}IfModifiedSince"),
        if_unmodified_since=request.get(f"{prefix}IfUnmodifiedSince"),
    )


def writing(request: Document) -> Writing:
    """Return the conditions on the object that is written or deleted."""
    return Writing(
        if_match=request.get("IfMatch"),
        if_none_match=request.get("IfNoneMatch"),
        size=request.get("IfMatchSize"),
        modified=request.get("IfMatchLastModifiedTime"),
    )


def claims(request: Mapping[str, object]) -> dict[str, str]:
    """Return the checksums a request or a part claims, by algorithm."""
    named = ((algorithm, request.get(checksums.member(algorithm))) for algorithm in checksums.ALGORITHMS)
    return {algorithm: str(value) for algorithm, value in named if value is not None}


def algorithm(request: Document) -> str | None:
    """Return the checksum algorithm a request asks for."""
    name: str | None = request.get("ChecksumAlgorithm")
    if name is None:
        return None
    if name.upper() not in checksums.ALGORITHMS:
        known = ", ".join(checksums.ALGORITHMS)
        raise refused(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{known}]",
        )
    return name.upper()


def checksum_members(checksum: Checksum | None, *, kind: bool = True) -> Document:
    """Return the answer's members for a checksum."""
    if checksum is None:
        return {}
    members = {checksums.member(checksum.algorithm): checksum.value}
    return {**members, "ChecksumType": checksum.kind} if kind else members


def quoted(etag: str) -> str:
    """Return an ETag as headers and most documents spell it."""
    return f'"{etag}"'


def owner(account: str) -> Document:
    """Return an account's canonical id: made up, but always the same one."""
    return {"ID": hashlib.sha256(f"clary:{account}".encode()).hexdigest()}


def spelling(request: Document) -> bool:
    """Say whether names in the answer are to be percent-encoded; refuse an unknown encoding."""
    encoding = request.get("EncodingType")
    if encoding not in (None, "url"):
        raise refused(
            "InvalidArgument",
            "Invalid Encoding Method specified in Request",
            ArgumentName="encoding-type",
            ArgumentValue=encoding,
        )
    return encoding == "url"


def spelled(name: str, encoded: bool) -> str:
    """Return a key, prefix or marker as the answer spells it."""
    return quote(name, safe="/*-._") if encoded else name


def limit(request: Document, member: str, argument: str, most: int = 1000) -> int:
    """Return how many entries the caller wants at most."""
    value = request.get(member)
    if value is None:
        return most
    if not 0 <= value <= 2**31 - 1:
        raise refused(
            "InvalidArgument",
            f"Argument {argument} must be an integer between 0 and 2147483647",
            ArgumentName=argument,
            ArgumentValue=value,
        )
    return min(int(value), most)

"""ListObjects, ListObjectsV2 and ListObjectVersions: three spellings of one listing."""

from __future__ import annotations

import base64
import binascii

from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.operations.s3.attributes import storage_class
from clary.operations.s3.request import bucket_of, limit, owner, quoted, spelled, spelling
from clary.store.objects import Bucket, Listing, ObjectInfo
from clary.store.objects.errors import refused
from clary.store.objects.model import Marker
from clary.store.objects.version_listing import Version, VersionListing, VersionQuery
from clary.store.objects.versions import check_id


@operation("s3", "ListObjectsV2")
def list_v2(call: Call) -> Document:
    """Answer a page, continued by an opaque token."""
    request, bucket, encoded = call.request, bucket_of(call), spelling(call.request)
    most = limit(request, "MaxKeys", "maxKeys")
    token = request.get("ContinuationToken")
    after = request.get("StartAfter") or "" if token is None else _from_token(token)
    page = _page(call, bucket, after, most)
    owned = bool(request.get("FetchOwner"))
    answer = {
        **_common(request, bucket, page, encoded, most),
        "KeyCount": len(page.objects) + len(page.prefixes),
        "Contents": [_entry(bucket, info, encoded, owned=owned) for info in page.objects],
    }
    if request.get("StartAfter"):
        answer["StartAfter"] = spelled(request["StartAfter"], encoded)
    if token is not None:
        answer["ContinuationToken"] = token
    if page.truncated:
        answer["NextContinuationToken"] = _to_token(page.next_after)
    return answer


@operation("s3", "ListObjects")
def list_v1(call: Call) -> Document:
    """Answer a page, continued by the last key; NextMarker is told only with a delimiter, as S3 does."""
    request, bucket, encoded = call.request, bucket_of(call), spelling(call.request)
    most = limit(request, "MaxKeys", "maxKeys")
    page = _page(call, bucket, request.get("Marker") or "", most)
    answer = {
        **_common(request, bucket, page, encoded, most),
        "Marker": spelled(request.get("Marker") or "", encoded),
        "Contents": [_entry(bucket, info, encoded, owned=True) for info in page.objects],
    }
    if page.truncated and request.get("Delimiter"):
        answer["NextMarker"] = spelled(page.next_after, encoded)
    return answer


@operation("s3", "ListObjectVersions")
def list_versions(call: Call) -> Document:
    """Answer every version and every marker; each object of an unversioned bucket is the version `null`."""
    request, bucket, encoded = call.request, bucket_of(call), spelling(call.request)
    if request.get("VersionIdMarker") and not request.get("KeyMarker"):
        raise refused("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
    most = limit(request, "MaxKeys", "maxKeys")
    query = VersionQuery(
        prefix=request.get("Prefix") or "",
        delimiter=request.get("Delimiter") or "",
        key_marker=request.get("KeyMarker") or "",
        version_marker=check_id(request.get("VersionIdMarker")) or "",
        limit=most,
    )
    page = call.objects.versions_in(bucket.name, query)
    answer = {
        **_common(request, bucket, page, encoded, most),
        "KeyMarker": spelled(request.get("KeyMarker") or "", encoded),
        "VersionIdMarker": request.get("VersionIdMarker") or "",
        "Versions": [_version(bucket, line, encoded) for line in page.versions if not _marks(line)],
        "DeleteMarkers": [_version(bucket, line, encoded) for line in page.versions if _marks(line)],
    }
    if page.truncated:
        answer["NextKeyMarker"] = spelled(page.next_key, encoded)
        answer["NextVersionIdMarker"] = page.next_version
    return answer


def _marks(line: Version) -> bool:
    return isinstance(line.item, Marker)


def _version(bucket: Bucket, line: Version, encoded: bool) -> Document:
    item = line.item
    if isinstance(item, Marker):
        entry = {
            "Key": spelled(item.key, encoded),
            "LastModified": item.modified,
            "Owner": owner(bucket.account),
        }
    else:
        entry = _entry(bucket, item, encoded, owned=True)
    return {**entry, "VersionId": item.version, "IsLatest": line.latest}


def _page(call: Call, bucket: Bucket, after: str, most: int) -> Listing:
    prefix, delimiter = call.request.get("Prefix") or "", call.request.get("Delimiter") or ""
    return call.objects.list(bucket.name, prefix, delimiter=delimiter, start_after=after, limit=most)


def _common(
    request: Document, bucket: Bucket, page: Listing | VersionListing, encoded: bool, most: int
) -> Document:
    answer: Document = {
        "Name": bucket.name,
        "Prefix": spelled(request.get("Prefix") or "", encoded),
        "MaxKeys": most,
        "IsTruncated": page.truncated,
        "CommonPrefixes": [{"Prefix": spelled(prefix, encoded)} for prefix in page.prefixes],
    }
    if request.get("Delimiter"):
        answer["Delimiter"] = spelled(request["Delimiter"], encoded)
    if encoded:
        answer["EncodingType"] = "url"
    return answer


def _entry(bucket: Bucket, info: ObjectInfo, encoded: bool, *, owned: bool) -> Document:
    entry: Document = {
        "Key": spelled(info.key, encoded),
        "LastModified": info.modified,
        "ETag": quoted(info.etag),
        "Size": info.size,
        "StorageClass": storage_class(info.attributes),
    }
    if info.checksum is not None:
        entry["ChecksumAlgorithm"] = [info.checksum.algorithm]
        entry["ChecksumType"] = info.checksum.kind
    if owned:
        entry["Owner"] = owner(bucket.account)
    return entry


def _to_token(after: str) -> str:
    return base64.urlsafe_b64encode(b"1" + after.encode()).decode()


def _from_token(token: str) -> str:
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
        if raw[:1] == b"1":
            return raw[1:].decode()
    except (binascii.Error, ValueError):
        pass
    message = "The continuation token provided is incorrect"
    raise refused("InvalidArgument", message, ArgumentName="continuation-token", ArgumentValue=token)

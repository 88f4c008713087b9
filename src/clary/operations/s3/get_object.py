"""GetObject, HeadObject and GetObjectAttributes."""

from __future__ import annotations

from clary.core.body import FileBody
from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.operations.s3 import attributes
from clary.operations.s3.byte_range import Span, span
from clary.operations.s3.request import (
    bucket_of,
    checksum_members,
    limit,
    quoted,
    reading,
)
from clary.operations.s3.versioning import asked, told
from clary.store.objects import Bucket, ObjectInfo, checksums


@operation("s3", "GetObject")
def get(call: Call) -> Document:
    """Answer an object or a range of it; the body is streamed from its content file."""
    return answer(call.request, *_found(call))


@operation("s3", "HeadObject")
def head(call: Call) -> Document:
    """Answer what GetObject would, without the body."""
    return {name: value for name, value in answer(call.request, *_found(call)).items() if name != "Body"}


def answer(request: Document, bucket: Bucket, info: ObjectInfo) -> Document:
    """Return what GetObject answers of an object whose conditions hold."""
    wanted = span(info, request.get("Range"), request.get("PartNumber"))
    body = FileBody(path=info.path, offset=wanted.offset, length=wanted.length)
    return {**_describe(request, bucket, info, wanted), "Body": body}


@operation("s3", "GetObjectAttributes")
def get_attributes(call: Call) -> Document:
    """Answer the parts of an object's description that are asked for."""
    bucket = bucket_of(call)
    attributes.check_supported(call.request)
    info = call.objects.get(bucket.name, call.request["Key"], asked(call.request))
    wanted = {name.strip() for item in call.request["ObjectAttributes"] for name in item.split(",")}
    members: Document = {
        "ETag": info.etag,
        "Checksum": checksum_members(info.checksum),
        "ObjectParts": _parts(call, info),
        "StorageClass": attributes.storage_class(info.attributes),
        "ObjectSize": info.size,
    }
    found = {name: value for name, value in members.items() if name in wanted and value not in (None, {})}
    return {"LastModified": info.modified, **told(bucket, info), **found}


def _found(call: Call) -> tuple[Bucket, ObjectInfo]:
    request = call.request
    bucket = bucket_of(call)
    attributes.check_supported(request)
    info = call.objects.get(bucket.name, request["Key"], asked(request))
    reading(request).check(info.etag, info.modified, call.clock.now())
    return bucket, info


def _describe(request: Document, bucket: Bucket, info: ObjectInfo, wanted: Span) -> Document:
    members: Document = {
        "AcceptRanges": "bytes",
        "LastModified": info.modified,
        "ContentLength": wanted.length,
        "ETag": quoted(info.etag),
        **told(bucket, info),
        **attributes.answer(info),
    }
    for name in attributes.CONTENT:
        if (override := request.get(f"Response{name}")) is not None:
            members[name] = override
    if wanted.partial:
        members["ContentRange"] = wanted.content_range(info.size)
    if request.get("PartNumber") is not None and info.parts:
        members["PartsCount"] = len(info.parts)
    if request.get("ChecksumMode") == "ENABLED":
        members.update(_checksum(info, wanted))
    return members


def _checksum(info: ObjectInfo, wanted: Span) -> Document:
    if wanted.part is not None and info.checksum is not None and wanted.part.checksum:
        member = checksums.member(info.checksum.algorithm)
        return {member: wanted.part.checksum, "ChecksumType": info.checksum.kind}
    return {} if wanted.partial else checksum_members(info.checksum)


def _parts(call: Call, info: ObjectInfo) -> Document | None:
    if not info.parts:
        return None
    most = limit(call.request, "MaxParts", "max-parts")
    marker = call.request.get("PartNumberMarker") or 0
    later = [part for part in info.parts if part.number > marker]
    page = later[:most]
    member = checksums.member(info.checksum.algorithm) if info.checksum else ""
    return {
        "TotalPartsCount": len(info.parts),
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": most,
        "IsTruncated": len(later) > len(page),
        "Parts": [
            {
                "PartNumber": part.number,
                "Size": part.size,
                **({member: part.checksum} if member and part.checksum else {}),
            }
            for part in page
        ],
    }

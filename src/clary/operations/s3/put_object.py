"""PutObject and CopyObject."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from sqlalchemy import Connection

from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.operations.s3 import attributes
from clary.operations.s3.request import (
    algorithm,
    bucket_of,
    check_owner,
    checksum_members,
    claims,
    quoted,
    reading,
    writing,
)
from clary.operations.s3.versioning import told
from clary.store.objects import Bucket, ObjectInfo, digests
from clary.store.objects.errors import IsMarker, refused
from clary.store.objects.versions import check_id

_LARGEST_COPY = 5 << 30
_LARGEST_PUT = 5 << 30
_SOURCE = re.compile(r"/?([^/?]+)/(.+?)(?:\?versionId=(.*))?", re.DOTALL)


@operation("s3", "PutObject")
def put(call: Call) -> Document:
    """Keep a body as an object."""
    request, bucket = call.request, bucket_of(call)
    body = request.get("Body", b"")
    size = len(body) if isinstance(body, bytes) else body.size
    if size > _LARGEST_PUT:
        raise refused(
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            ProposedSize=size,
            MaxSizeAllowed=_LARGEST_PUT,
        )
    info = call.objects.put(
        request["Bucket"],
        request["Key"],
        body,
        attributes.of_request(request),
        claims=claims(request),
        content_md5=request.get("ContentMD5"),
        algorithm=algorithm(request),
        conditions=writing(request),
    )
    return answer(bucket, info)


def write_of(call: Call, bucket: Bucket) -> Callable[[Connection], ObjectInfo]:
    """Return the write that keeps a small body, checked as far as it can be before it is its turn."""
    request = call.request
    body: bytes = request.get("Body", b"")
    made = digests.small(body, claims(request), request.get("ContentMD5"), algorithm(request))
    kept, conditions = attributes.of_request(request), writing(request)
    return call.objects.write_of(bucket.name, request["Key"], body, kept, made, conditions)


def answer(bucket: Bucket, info: ObjectInfo) -> Document:
    """Return what PutObject answers."""
    return {
        "ETag": quoted(info.etag),
        **told(bucket, info),
        **checksum_members(info.checksum),
        **attributes.encryption(info.attributes),
    }


@operation("s3", "CopyObject")
def copy(call: Call) -> Document:
    """Make one object's bytes another object, with the source's metadata or the request's."""
    request, bucket = call.request, bucket_of(call)
    source = source_of(call)
    if source.size > _LARGEST_COPY:
        raise refused(
            "InvalidRequest",
            f"The specified copy source is larger than the maximum allowable size for a copy source: "
            f"{_LARGEST_COPY}",
        )
    _check_not_onto_itself(call, source)
    info = call.objects.copy(
        source,
        request["Bucket"],
        request["Key"],
        _attributes(request, source),
        algorithm=algorithm(request),
        conditions=writing(request),
    )
    result = {"ETag": quoted(info.etag), "LastModified": info.modified, **checksum_members(info.checksum)}
    told_of_source = from_version(call, source)
    return {
        "CopyObjectResult": result,
        **told_of_source,
        **told(bucket, info),
        **attributes.encryption(info.attributes),
    }


def source_of(call: Call) -> ObjectInfo:
    """Return the object a copy reads, once the request's conditions on it hold."""
    request = call.request
    found = _SOURCE.fullmatch(request["CopySource"])
    if found is None:
        # Some clients encode the slash between bucket and key as well.
        found = _SOURCE.fullmatch(unquote(request["CopySource"]))
    if found is None or found[1].startswith("arn:"):
        raise refused(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName="x-amz-copy-source",
            ArgumentValue=request["CopySource"],
        )
    bucket, key, version = unquote(found[1]), unquote(found[2]), check_id(found[3])
    check_owner(call.objects.bucket(bucket), request.get("ExpectedSourceBucketOwner"))
    try:
        source = call.objects.get(bucket, key, version)
    except IsMarker as error:
        message = "The source of a copy request may not specifically refer to a delete marker by version id."
        raise refused("InvalidRequest", message) from error
    reading(request, "CopySource").check_source(source.etag, source.modified, call.clock.now())
    return source


def from_version(call: Call, source: ObjectInfo) -> Document:
    """Return the answer's member for the version that a copy was made from."""
    members = told(call.objects.bucket(source.bucket), source)
    return {f"CopySource{name}": value for name, value in members.items()}


def _attributes(request: Document, source: ObjectInfo) -> Document:
    given = attributes.of_request(request)
    replaces = _directive(request, "MetadataDirective") == "REPLACE"
    result = dict(given)
    if not replaces:
        for name in (*attributes.CONTENT, "Metadata"):
            result.pop(name, None)
            if name in source.attributes:
                result[name] = source.attributes[name]
    if _directive(request, "TaggingDirective") == "COPY":
        result.pop("Tags", None)
        if tags := source.attributes.get("Tags"):
            result["Tags"] = tags
    return result


def _directive(request: Document, member: str) -> str:
    value: str = request.get(member, "COPY")
    if value not in ("COPY", "REPLACE"):
        name = f"x-amz-{member.removesuffix('Directive').lower()}-directive"
        raise refused("InvalidArgument", f"Unknown {member}.", ArgumentName=name, ArgumentValue=value)
    return value


def _check_not_onto_itself(call: Call, source: ObjectInfo) -> None:
    request = call.request
    found = _SOURCE.fullmatch(request["CopySource"])
    older = found is not None and bool(found[3])  # A copy of a version over the present one restores it.
    same = not older and (source.bucket, source.key) == (request["Bucket"], request["Key"])
    changes = ("StorageClass", "ServerSideEncryption", "WebsiteRedirectLocation", "ChecksumAlgorithm")
    if (
        same
        and _directive(request, "MetadataDirective") == "COPY"
        and not any(name in request for name in changes)
    ):
        raise refused(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing "
            "the object's metadata, storage class, website redirect location or encryption attributes.",
        )

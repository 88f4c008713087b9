"""PutObject and CopyObject."""

from __future__ import annotations

import re
from urllib.parse import unquote

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
from clary.store.objects import ObjectInfo
from clary.store.objects.errors import refused

_LARGEST_COPY = 5 << 30
_LARGEST_PUT = 5 << 30
_SOURCE = re.compile(r"/?([^/?]+)/(.+?)(?:\?versionId=(.*))?", re.DOTALL)


@operation("s3", "PutObject")
def put(call: Call) -> Document:
    """Keep a body as an object."""
    request = call.request
    bucket_of(call)
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
    return {
        "ETag": quoted(info.etag),
        **checksum_members(info.checksum),
        **attributes.encryption(info.attributes),
    }


@operation("s3", "CopyObject")
def copy(call: Call) -> Document:
    """Make one object's bytes another object, with the source's metadata or the request's."""
    request = call.request
    bucket_of(call)
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
    return {"CopyObjectResult": result, **attributes.encryption(info.attributes)}


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
    bucket, key, version = unquote(found[1]), unquote(found[2]), found[3]
    if version not in (None, "", "null"):
        raise refused("NoSuchVersion", "The specified version does not exist.", Key=key, VersionId=version)
    check_owner(call.objects.bucket(bucket), request.get("ExpectedSourceBucketOwner"))
    source = call.objects.get(bucket, key)
    reading(request, "CopySource").check_source(source.etag, source.modified, call.clock.now())
    return source


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
    same = (source.bucket, source.key) == (request["Bucket"], request["Key"])
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

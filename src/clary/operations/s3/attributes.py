"""An object's attributes: what a request may say about it, what of that is kept, and how it is answered."""

from __future__ import annotations

import functools
from urllib.parse import parse_qsl

from clary.core.document import Document
from clary.store.objects import ObjectInfo
from clary.store.objects.errors import refused
from clary.wire import models

CONTENT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
)
_ENCRYPTION = ("ServerSideEncryption", "SSEKMSKeyId", "SSEKMSEncryptionContext", "BucketKeyEnabled")
_KEPT = (*CONTENT, "Metadata", "StorageClass", "WebsiteRedirectLocation", *_ENCRYPTION)
_UNKNOWN_TYPE = "binary/octet-stream"
_MOST_METADATA = 2048  # bytes of names and values
_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")
_OWNER_ONLY = ("private", "bucket-owner-full-control")
_LOCK = (
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
    "ObjectLockEventHold",
    "ObjectLockEventHoldDurationDays",
    "ObjectLockEventHoldDurationYears",
)
_NOT_BUILT = (
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
    "CopySourceSSECustomerAlgorithm",
    "WriteOffsetBytes",
)


def of_request(request: Document) -> Document:
    """Return the attributes to keep of a PUT, a copy or a multipart upload."""
    check_supported(request)
    kept = {name: request[name] for name in _KEPT if request.get(name) not in (None, "", {})}
    kept.setdefault("ContentType", _UNKNOWN_TYPE)
    codings = [coding.strip() for coding in str(kept.pop("ContentEncoding", "")).split(",")]
    if left := [coding for coding in codings if coding not in ("", "aws-chunked")]:
        kept["ContentEncoding"] = ",".join(left)
    storage = kept.get("StorageClass", "STANDARD")
    if storage not in _storage_classes():
        raise refused("InvalidStorageClass", "The storage class you specified is not valid")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in kept.get("Metadata", {}).items())
    if size > _MOST_METADATA:
        raise refused(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            Size=size,
            MaxSizeAllowed=_MOST_METADATA,
        )
    if tagging := request.get("Tagging"):
        kept["Tags"] = tags_of_header(tagging)
    return kept


@functools.cache
def _storage_classes() -> frozenset[str]:
    shape = models.service("s3").shape_for("StorageClass")
    return frozenset(shape.metadata["enum"])


def check_supported(request: Document) -> None:
    """Refuse what an object cannot be given here, rather than forget it."""
    if request.get("ACL", "private") not in _OWNER_ONLY or any(name in request for name in _GRANTS):
        raise refused("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if any(name in request for name in _LOCK):
        raise refused("InvalidRequest", "Bucket is missing Object Lock Configuration")
    for name in _NOT_BUILT:
        if name in request:
            message = f"A header you provided implies functionality that is not implemented: {name}"
            raise refused("NotImplemented", message)


def tags_of_header(text: str) -> list[dict[str, str]]:
    """Return the tags an x-amz-tagging header spells."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters"
        raise refused("InvalidArgument", message, ArgumentName="x-amz-tagging", ArgumentValue=text) from error
    return checked_tags([{"Key": key, "Value": value} for key, value in pairs], most=10)


def checked_tags(tags: list[dict[str, str]], *, most: int) -> list[dict[str, str]]:
    """Return a tag set in order of its keys, or refuse it."""
    if len(tags) > most:
        whose = "Object" if most == 10 else "Bucket"
        raise refused("BadRequest", f"{whose} tags cannot be greater than {most}")
    if len({tag["Key"] for tag in tags}) < len(tags):
        raise refused("InvalidTag", "Cannot provide multiple Tags with the same key")
    for tag in tags:
        if not 1 <= len(tag["Key"]) <= 128 or tag["Key"].startswith("aws:"):
            raise refused("InvalidTag", "The TagKey you have provided is invalid", TagKey=tag["Key"])
        if len(tag["Value"]) > 256:
            raise refused("InvalidTag", "The TagValue you have provided is invalid", TagKey=tag["Key"])
    return sorted(({"Key": tag["Key"], "Value": tag["Value"]} for tag in tags), key=lambda tag: tag["Key"])


def encryption(attributes: Document) -> Document:
    """Return the encryption members that answers to writes repeat."""
    return {name: attributes[name] for name in _ENCRYPTION if name in attributes}


def answer(info: ObjectInfo) -> Document:
    """Return the members of GetObject and HeadObject that come from an object's attributes."""
    members = {name: info.attributes[name] for name in _KEPT if name in info.attributes}
    if members.get("StorageClass") == "STANDARD":
        del members["StorageClass"]
    if tags := info.attributes.get("Tags"):
        members["TagCount"] = len(tags)
    return members


def storage_class(attributes: Document) -> str:
    """Return the storage class as documents spell it, where the standard one is named too."""
    named: str = attributes.get("StorageClass", "STANDARD")
    return named

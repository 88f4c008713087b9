"""Multipart uploads: create, feed, look at, complete, abort."""

from __future__ import annotations

from urllib.parse import quote

from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.operations.s3 import attributes
from clary.operations.s3.byte_range import source_span
from clary.operations.s3.put_object import from_version, source_of
from clary.operations.s3.request import (
    algorithm,
    bucket_of,
    checksum_members,
    claims,
    limit,
    owner,
    quoted,
    spelled,
    spelling,
    writing,
)
from clary.store.objects import checksums
from clary.store.objects.checksums import Checksum
from clary.store.objects.completion import Demand
from clary.store.objects.model import Chosen, Part, Upload
from clary.store.objects.upload_listing import UploadQuery


@operation("s3", "CreateMultipartUpload")
def create(call: Call) -> Document:
    """Begin an upload."""
    request, bucket = call.request, bucket_of(call)
    kept = attributes.of_request(request)
    kind = request.get("ChecksumType")
    upload = call.objects.uploads.create(
        bucket.name, request["Key"], kept, algorithm=algorithm(request), kind=kind and kind.upper()
    )
    return {
        "Bucket": bucket.name,
        "Key": upload.key,
        "UploadId": upload.id,
        **_chosen_checksum(upload),
        **attributes.encryption(kept),
    }


@operation("s3", "UploadPart")
def put_part(call: Call) -> Document:
    """Keep a body as one part."""
    request = call.request
    upload = _upload(call)
    attributes.check_supported(request)
    part = call.objects.uploads.put_part(
        upload,
        request["PartNumber"],
        request.get("Body", b""),
        claims=claims(request),
        content_md5=request.get("ContentMD5"),
    )
    return {"ETag": quoted(part.etag), **_claimed(request), **attributes.encryption(upload.attributes)}


@operation("s3", "UploadPartCopy")
def copy_part(call: Call) -> Document:
    """Keep a stretch of another object as one part."""
    request = call.request
    upload = _upload(call)
    attributes.check_supported(request)
    source = source_of(call)
    span = source_span(source, request.get("CopySourceRange"))
    staged = call.objects.stage(source, span.offset, span.length, [upload.algorithm])
    part = call.objects.uploads.put_part(upload, request["PartNumber"], staged)
    result = {"ETag": quoted(part.etag), "LastModified": part.modified, **_part_checksum(upload, part)}
    return {
        "CopyPartResult": result,
        **from_version(call, source),
        **attributes.encryption(upload.attributes),
    }


@operation("s3", "ListParts")
def list_parts(call: Call) -> Document:
    """Answer the parts an upload has so far."""
    request, bucket = call.request, bucket_of(call)
    upload = _upload(call)
    most = limit(request, "MaxParts", "max-parts")
    marker = request.get("PartNumberMarker") or 0
    parts, more = call.objects.uploads.parts(upload, after=marker, limit=most)
    return {
        "Bucket": bucket.name,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": parts[-1].number if parts else 0,
        "MaxParts": most,
        "IsTruncated": more and most > 0,
        "Parts": [
            {
                "PartNumber": part.number,
                "LastModified": part.modified,
                "ETag": quoted(part.etag),
                "Size": part.size,
                **_part_checksum(upload, part),
            }
            for part in parts
        ],
        "Initiator": owner(bucket.account),
        "Owner": owner(bucket.account),
        "StorageClass": attributes.storage_class(upload.attributes),
        **_chosen_checksum(upload),
    }


@operation("s3", "ListMultipartUploads")
def list_uploads(call: Call) -> Document:
    """Answer the uploads in flight in a bucket."""
    request, bucket, encoded = call.request, bucket_of(call), spelling(call.request)
    names = {name: request.get(name) or "" for name in ("Prefix", "Delimiter", "KeyMarker", "UploadIdMarker")}
    most = limit(request, "MaxUploads", "max-uploads")
    query = UploadQuery(
        prefix=names["Prefix"],
        delimiter=names["Delimiter"],
        key_marker=names["KeyMarker"],
        id_marker=names["UploadIdMarker"] if names["KeyMarker"] else "",
        limit=most,
    )
    page = call.objects.uploads_in(bucket.name, query)
    answer = {
        "Bucket": bucket.name,
        "KeyMarker": spelled(names["KeyMarker"], encoded),
        "UploadIdMarker": names["UploadIdMarker"],
        "Prefix": spelled(names["Prefix"], encoded),
        "MaxUploads": most,
        "IsTruncated": page.truncated,
        "Uploads": [_entry(upload, bucket.account, encoded) for upload in page.uploads],
        "CommonPrefixes": [{"Prefix": spelled(prefix, encoded)} for prefix in page.prefixes],
    }
    if names["Delimiter"]:
        answer["Delimiter"] = spelled(names["Delimiter"], encoded)
    if encoded:
        answer["EncodingType"] = "url"
    if page.truncated:
        answer |= {"NextKeyMarker": spelled(page.next_key, encoded), "NextUploadIdMarker": page.next_id}
    return answer


@operation("s3", "CompleteMultipartUpload")
def complete(call: Call) -> Document:
    """Make one object of the parts named; asked again, answer the same."""
    request, bucket = call.request, bucket_of(call)
    parts = request.get("MultipartUpload", {}).get("Parts", [])
    claimed = claims(request)
    kind = request.get("ChecksumType")
    done = call.objects.complete(
        bucket.name,
        request["Key"],
        request["UploadId"],
        [
            Chosen(number=part["PartNumber"], etag=part.get("ETag", ""), checksums=claims(part))
            for part in parts
        ],
        demand=Demand(
            checksum=next(iter(claimed.items()), None),
            kind=kind and kind.upper(),
            size=request.get("MpuObjectSize"),
        ),
        conditions=writing(request),
    )
    return {
        "Location": f"{_base(call)}/{bucket.name}/{quote(request['Key'])}",
        "Bucket": bucket.name,
        "Key": request["Key"],
        "ETag": quoted(done.etag),
        **({} if bucket.versioning is None else {"VersionId": done.version}),
        **checksum_members(done.checksum),
    }


@operation("s3", "AbortMultipartUpload")
def abort(call: Call) -> Document:
    """Throw an upload and its parts away."""
    bucket = bucket_of(call)
    call.objects.uploads.abort(bucket.name, call.request["Key"], call.request["UploadId"])
    return {}


def _upload(call: Call) -> Upload:
    bucket = bucket_of(call)
    return call.objects.uploads.get(bucket.name, call.request["Key"], call.request["UploadId"])


def _claimed(request: Document) -> Document:
    return {checksums.member(name): value for name, value in claims(request).items()}


def _part_checksum(upload: Upload, part: Part) -> Document:
    checksum = Checksum(upload.algorithm, checksums.encode(part.digest))
    return checksum_members(checksum, kind=False) if upload.named else {}


def _chosen_checksum(upload: Upload) -> Document:
    return {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.kind} if upload.named else {}


def _entry(upload: Upload, account: str, encoded: bool) -> Document:
    return {
        "UploadId": upload.id,
        "Key": spelled(upload.key, encoded),
        "Initiated": upload.initiated,
        "StorageClass": attributes.storage_class(upload.attributes),
        "Owner": owner(account),
        "Initiator": owner(account),
        **_chosen_checksum(upload),
    }


def _base(call: Call) -> str:
    host = call.headers.get("host") or f"{call.settings.host}:{call.settings.port}"
    return f"http://{host}"

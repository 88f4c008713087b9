"""Whether a small S3 document arrived as it was sent: its Content-MD5 or checksum header holds.

Uploads are held against their headers by the operation that keeps them.
"""

from __future__ import annotations

from botocore.model import OperationModel

from clary.core.errors import ApiError
from clary.store.objects import checksums, digests
from clary.wire.message import HttpRequest


def check(operation: OperationModel, request: HttpRequest) -> None:
    """Refuse a document that is not the one its headers claim, or that must claim something and does not."""
    data = request.body
    if not isinstance(data, bytes) or operation.name == "CompleteMultipartUpload":
        return  # there the checksum is the whole object's, not the document's
    claims = {}
    for algorithm in checksums.ALGORITHMS:
        if (value := request.headers.get(f"x-amz-checksum-{algorithm.lower()}")) is not None:
            claims[algorithm] = value
    content_md5 = request.headers.get("content-md5")
    if not claims and content_md5 is None:
        if (operation.http_checksum or {}).get("requestChecksumRequired"):
            words = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
            raise ApiError(words, code="InvalidRequest", status=400)
        return
    digests.hold(lambda name: checksums.of_bytes(data, [name])[name.lower()], claims, content_md5)

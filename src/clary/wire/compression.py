"""Request bodies that a client compressed, as SDKs do with long ones for operations that allow it."""

from __future__ import annotations

import zlib
from dataclasses import replace

from botocore.model import ServiceModel

from clary.core.errors import ApiError, SerializationError
from clary.wire import s3
from clary.wire.message import Headers, HttpRequest

MAX_BYTES = 64 << 20


def inflated(service: ServiceModel, request: HttpRequest) -> HttpRequest:
    """Return the request as it was before its body was compressed; S3 keeps what it is given."""
    encodings = request.headers.get("content-encoding")
    if encodings is None or not isinstance(request.body, bytes) or s3.is_s3(service):
        return request
    names = [name.strip() for name in encodings.split(",")]
    if names[-1].lower() != "gzip":
        return request
    headers = Headers([field for field in request.headers if field[0] != "content-encoding"])
    if len(names) > 1:
        headers.add("content-encoding", ", ".join(names[:-1]))
    return replace(request, headers=headers, body=_inflate(request.body))


def _inflate(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise SerializationError("The request body is not valid gzip.") from error
    if stream.unconsumed_tail:
        raise ApiError("The request body is too large.", code="RequestEntityTooLargeException", status=413)
    if not stream.eof:
        raise SerializationError("The request body is not complete gzip.")
    return plain

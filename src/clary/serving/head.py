"""What a model server is told of a call: the request's head, made of the caller's headers."""

from __future__ import annotations

from collections.abc import Mapping

CUSTOM = b"x-amzn-sagemaker-custom-attributes"
PREFIX = b"x-amzn-sagemaker-prefix-aware-id"
_STREAM_ACCEPT = b"x-amzn-sagemaker-accept"
_TO_MODEL = frozenset(  # all others are stripped: evidence/invoke-endpoint.md
    {
        b"content-type",
        b"accept",
        CUSTOM,
        PREFIX,
        b"x-amzn-sagemaker-inference-id",
        b"x-amzn-sagemaker-session-id",
        b"x-amzn-sagemaker-target-model",
        b"x-amzn-sagemaker-target-variant",
    }
)


def head(headers: Mapping[bytes, bytes], length: int) -> bytes:
    """Return the head of a request whose body has so many bytes."""
    lines = [b"POST /invocations HTTP/1.1\r\nHost: model"]
    for name, value in headers.items():
        if name in _TO_MODEL:
            lines.append(name + b": " + value)
        if name == _STREAM_ACCEPT:
            lines.append(b"accept: " + value)
    lines.append(b"Content-Length: %d\r\n\r\n" % length)
    return b"\r\n".join(lines)


def passed_on(
    headers: Mapping[bytes, bytes], content_type: bytes | None, *, last: bool
) -> dict[bytes, bytes]:
    """Return the headers for a container of several; only the last is told what the caller accepts.

    `content_type` is what the container before it answered with. evidence/containers.md
    """
    dropped = {b"content-type"} if last else {b"content-type", b"accept", _STREAM_ACCEPT}
    kept = {name: value for name, value in headers.items() if name not in dropped}
    return {**kept, b"content-type": content_type} if content_type else kept

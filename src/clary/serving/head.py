"""What a model server is told of a call: the request's head, made of the caller's headers."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from clary.serving.refusal import Refused
from clary.wire import models

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

_SHORT = 64  # bytes that every one of these may have


def head(headers: Mapping[bytes, bytes], length: int) -> bytes:
    """Return the head of a request whose body has so many bytes; refuse headers that the API does not."""
    lines = [b"POST /invocations HTTP/1.1\r\nHost: model"]
    for name, value in headers.items():
        if name in _TO_MODEL:
            if len(value) > _SHORT or not value.isascii():
                _check(name, value)
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


def _check(name: bytes, value: bytes) -> None:
    member, most = _members()[name]
    if len(value) > most:
        wrong = f"Member must have length less than or equal to {most}"
    elif not value.isascii():
        wrong = "Member must satisfy regular expression pattern: \\p{ASCII}*"
    else:
        return
    at = member[0].lower() + member[1:]
    raise Refused(f"1 validation error detected: Value at '{at}' failed to satisfy constraint: {wrong}")


@functools.cache
def _members() -> dict[bytes, tuple[str, int]]:
    """Return the member that each header is, and how long it may be."""
    shape = models.service("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape
    members = shape.members.items() if shape else ()
    named = ((each.serialization.get("name", ""), member, each) for member, each in members)
    return {name.lower().encode(): (member, each.metadata.get("max", 1024)) for name, member, each in named}

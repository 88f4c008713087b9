"""What a model's role may do with the objects that a request names, and what it is told otherwise."""

from __future__ import annotations

from clary.core.errors import ApiError
from clary.serving.asynchronous.doors import Doors

OCTETS = "application/octet-stream"


class Fault(Exception):
    """The request cannot be done: why, and which metric counts it."""

    def __init__(self, reason: str, counted: str) -> None:
        super().__init__(reason)
        self.counted = counted


def permit(doors: Doors, role: str, action: str, uri: str, counted: str) -> None:
    """Raise what a role without the right to read or write an object is told."""
    bucket, key = split(uri)
    resource = f"arn:aws:s3:::{bucket}/{key}"
    try:
        allowed = doors.allowed(role, action, resource)
    except ApiError as error:
        raise Fault(f"ClientError: The role {role} cannot be assumed: {error.message}", counted) from error
    if not allowed:
        reason = (
            f"ClientError: The role {role} is not authorized to perform: {action} on resource: {resource}"
        )
        raise Fault(reason, counted)


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key

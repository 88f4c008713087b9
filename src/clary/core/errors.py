"""What can go wrong: the caller is wrong, or the world is slow. Anything else is our own bug."""

from __future__ import annotations

from datetime import timedelta

from clary.core.document import Document


class ApiError(Exception):
    """The caller is wrong. Raised by operations; only the gateway turns it into bytes.

    `code` is the wire's error code, `status` the HTTP status, `members` what is modelled besides the message.
    """

    code = "InternalFailure"
    status = 500

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        members: Document | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.members: Document = members or {}


class ValidationError(ApiError):
    """A value the service model or the operation refuses."""

    code = "ValidationException"
    status = 400


class SerializationError(ApiError):
    """A body that does not parse in the protocol it came in."""

    code = "SerializationException"
    status = 400


class ResourceNotFound(ApiError):
    """The named resource does not exist for this caller."""

    code = "ResourceNotFound"
    status = 400


class ResourceInUse(ApiError):
    """The name is taken, or the resource is busy."""

    code = "ResourceInUse"
    status = 400


class AccessDenied(ApiError):
    """The caller is known and not allowed; the message names principal, action and resource."""

    code = "AccessDeniedException"
    status = 403


class NotBuilt(ApiError):
    """An operation this release does not have. It names itself rather than pretend.

    The code is one of the errors common to all services; S3 has a code of its own for it.
    """

    code = "InvalidAction"
    status = 400

    def __init__(
        self, operation: str, *, see: str = "docs/reference/operations.md", s3: bool = False
    ) -> None:
        code, status = ("NotImplemented", 501) if s3 else (None, None)
        super().__init__(
            f"Clary does not have {operation} yet; {see} lists what it has.", code=code, status=status
        )


class TryAgain(Exception):
    """The world is slow. Raised by runtime and store, handled only by the controllers' loop."""

    def __init__(self, why: str, *, after: timedelta) -> None:
        super().__init__(why)
        self.after = after


class Moved(Exception):
    """A guarded write was refused: the record changed since it was read."""

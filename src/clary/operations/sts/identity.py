"""Who am I: the calls that need no permission."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.registry import Call, operation


@operation("sts", "GetCallerIdentity")
def get_caller_identity(call: Call) -> Document:
    """Answer the caller's own names."""
    principal = call.principal
    return {"UserId": principal.user_id, "Account": principal.account, "Arn": principal.arn}

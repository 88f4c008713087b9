"""DecodeAuthorizationMessage: there is nothing to decode, for refusals here say why in plain words."""

from __future__ import annotations

from clary.core.errors import ApiError
from clary.operations.registry import Call, operation


@operation("sts", "DecodeAuthorizationMessage")
def decode_authorization_message(call: Call) -> None:
    """Refuse: no message of this server is encoded."""
    raise ApiError(
        "This server encodes no authorization messages: its refusals name the principal, the action, the "
        "resource and the policy that is missing or denies.",
        code="InvalidAuthorizationMessageException",
        status=400,
    )

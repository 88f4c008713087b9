"""The policies that records themselves have: who of other accounts may do what with them."""

from __future__ import annotations

from clary.core.errors import ValidationError
from clary.engines.policy import Malformed, parse
from clary.operations.permissions.on_resource import POLICY
from clary.operations.registry import Call

__all__ = ["POLICY", "asked"]


def asked(call: Call) -> str:
    """Return the policy that a request puts; what does not parse is refused."""
    text: str = call.request["ResourcePolicy"]
    try:
        parse(text, "resource", source="resource")
    except Malformed as error:
        raise ValidationError(f"ResourcePolicy is not a valid policy: {error}") from error
    return text

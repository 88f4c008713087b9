"""What calls about partner apps decide: the role must be there, and no update is taken up."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations import references
from clary.operations.registry import Call, before, completes


@before("sagemaker", "CreatePartnerApp")
def check(call: Call) -> None:
    """Refuse a role that is not there."""
    references.role(call, call.request["ExecutionRoleArn"])


@completes("sagemaker", "UpdatePartnerApp")
def updated(call: Call) -> Document:
    """Say that nothing took the update up."""
    return {"Status": "UpdateFailed"}

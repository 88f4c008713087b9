"""What calls about contexts decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.engines.lineage.entities import group_arn
from clary.operations import kinds
from clary.operations.lineage.edges import delete_alone
from clary.operations.registry import Call, completes, operation
from clary.resources.lineage.context import CONTEXT


@completes("sagemaker", "CreateContext")
def complete(call: Call) -> Document:
    """Name the group that it belongs to."""
    return {"LineageGroupArn": group_arn(call.account, call.region)}


@operation("sagemaker", "DeleteContext")
def delete(call: Call) -> Document:
    """Delete a context that nothing is associated with."""
    return delete_alone(kinds.of(CONTEXT), call)

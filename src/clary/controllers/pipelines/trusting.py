"""Whether an execution's role still lets SageMaker in: asked each time that something begins as the role."""

from __future__ import annotations

from clary.controllers.means import Trusts
from clary.store.records import Record

_SERVICE = "sagemaker.amazonaws.com"


def distrusted(trusts: Trusts, execution: Record) -> str:
    """Return why an execution cannot act as its role; "" where it can."""
    role = execution.doc["RoleArn"]
    if trusts(role, _SERVICE, execution.arn):
        return ""
    return (
        f"ClientError: Could not assume role {role}. Please ensure that the role exists and allows principal "
        f"'{_SERVICE}' to assume the role."
    )

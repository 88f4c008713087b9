"""A model package group's policy: who of other accounts may use the group and its versions."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations.registry import Call, operation
from clary.operations.resource_policy import POLICY, asked
from clary.resources.model_registry.model_package_group import MODEL_PACKAGE_GROUP
from clary.store.records import Record


@operation("sagemaker", "PutModelPackageGroupPolicy")
def put(call: Call) -> Document:
    """Keep a policy in place of the one before; what does not parse is refused."""
    text = asked(call)
    with call.records.database.write():
        group = call.records.update(_group(call), {POLICY: text}, touch=False)
    return {"ModelPackageGroupArn": group.arn}


@operation("sagemaker", "GetModelPackageGroupPolicy")
def get(call: Call) -> Document:
    """Answer the policy as it was put."""
    return {"ResourcePolicy": _held(_group(call)).doc[POLICY]}


@operation("sagemaker", "DeleteModelPackageGroupPolicy")
def delete(call: Call) -> None:
    """Drop the policy."""
    with call.records.database.write():
        call.records.update(_held(_group(call)), {}, remove=(POLICY,), touch=False)


def _group(call: Call) -> Record:
    group = call.records.find(MODEL_PACKAGE_GROUP, call.request["ModelPackageGroupName"])
    if group is None:  # evidence/registry-errors.md
        arn = call.records.arn(MODEL_PACKAGE_GROUP, call.request)
        raise ValidationError(f"Cannot find Model Package Group: {arn}")
    return group


def _held(group: Record) -> Record:
    if POLICY not in group.doc:
        raise ValidationError(f"Cannot find resource policy for: {group.arn}")
    return group

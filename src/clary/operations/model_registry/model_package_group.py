"""What calls about model package groups decide; the rest is `crud`'s."""

from __future__ import annotations

from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.registry import Call, operation
from clary.resources.model_registry.model_package import MODEL_PACKAGE
from clary.resources.model_registry.model_package_group import MODEL_PACKAGE_GROUP
from clary.store.records import Filter, Record


@operation("sagemaker", "DeleteModelPackageGroup")
def delete(call: Call) -> None:
    """Remove a group that has no versions."""
    with call.records.database.write():
        group = find(call)
        records = call.records.scoped(group.account, group.region)
        held = records.page(MODEL_PACKAGE, where=versions(group.name), limit=1).records
        if held:
            raise ApiError(
                f"Model Package Group {group.arn} cannot be deleted because it still has model packages, "
                f"{held[0].arn} for one. Delete them first.",
                code="ConflictException",
                status=400,
            )
        call.records.delete(group)


@operation("sagemaker", "ListModelPackageGroups")
def page(call: Call) -> Document:
    """Answer the account's groups; other accounts cannot make theirs discoverable here."""
    if call.request.get("CrossAccountFilterOption") == "CrossAccount":
        return {"ModelPackageGroupSummaryList": []}
    return crud.page(of(MODEL_PACKAGE_GROUP), call)


def find(call: Call, name: str | None = None) -> Record:
    """Return the group that a name or an ARN means, by default the request's; an absent one raises."""
    asked = {"ModelPackageGroupName": name or call.request["ModelPackageGroupName"]}
    return crud.named(of(MODEL_PACKAGE_GROUP), replace(call, request=asked))


def versions(group: str) -> list[Filter]:
    """Return what selects a group's versions, by the index of names."""
    return [Filter("ModelPackageName", "ge", f"{group}/"), Filter("ModelPackageName", "lt", f"{group}0")]

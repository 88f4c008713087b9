"""Model package groups: the versions of one model."""

from clary.resources.registry import register
from clary.resources.spec import Resource

MODEL_PACKAGE_GROUP = register(
    Resource(
        kind="ModelPackageGroup",
        arn="model-package-group/{ModelPackageGroupName}",
        status="ModelPackageGroupStatus",
        initial={"ModelPackageGroupStatus": "Completed"},  # There is nothing to it but its record.
        missing="ValidationException",  # evidence/registry-errors.md
        missing_text="ModelPackageGroup {arn} does not exist.",
        conflict="ValidationException",
        conflict_text="Model Package Group already exists: {arn}",
        ignored={
            "CrossAccountFilterOption": "CrossAccount lists nothing: no account can make groups discoverable "
            "to another, as AWS RAM does"
        },
        level="behaves",
    )
)

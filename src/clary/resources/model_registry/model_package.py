"""Model packages: a model's images, data and everything known of it; a version of a group, or by itself."""

from clary.resources.registry import register
from clary.resources.spec import Resource

MODEL_PACKAGE = register(
    Resource(
        kind="ModelPackage",
        announced="SageMaker Model Package State Change",
        announces=frozenset(  # evidence/events-sagemaker.md
            {"ModelApprovalStatus", "ApprovalDescription", "SourceUri", "CustomerMetadataProperties"}
            | {"InferenceSpecification", "ModelLifeCycle"}
        ),
        arn="model-package/{ModelPackageName}",  # evidence/model-package-names.md
        status="ModelPackageStatus",
        hidden=frozenset({"Tags", "ClientToken"}),
        answers={"CertifyForMarketplace": False},
        filters={
            "ModelPackageGroupName": "ModelPackageGroupName",
            "ModelPackageType": "ModelPackageVersion",  # Versions have one.
        },
        missing="ValidationException",  # evidence/registry-errors.md
        missing_text="ModelPackage {arn} does not exist.",
        conflict="ValidationException",
        conflict_text="Model Package already exists: {arn}",
        without_effect={"SecurityConfig": "the server's disk is not encrypted with keys of KMS"},
        traced=True,
        level="behaves",
    )
)

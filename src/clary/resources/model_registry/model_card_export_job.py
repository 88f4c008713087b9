"""Model card export jobs: cards as documents. They are kept; nothing makes the document yet."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

MODEL_CARD_EXPORT_JOB = register(
    Resource(
        kind="ModelCardExportJob",
        announced="SageMaker Model Card Export Job State Change",
        arn="model-card/{ModelCardName}/export-job/{ModelCardExportJobName}",
        identity=("ModelCardName", "ModelCardExportJobName"),
        asked_by="ModelCardExportJobArn",
        status="Status",
        initial=not_run("Status", "model card export jobs"),
        shown={"CreatedAt": "CreationTime", "LastModifiedAt": "LastModifiedTime"},
        orders={"Name": "ModelCardExportJobName"},
        conflict="ConflictException",
    )
)

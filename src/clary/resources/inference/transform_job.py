"""Batch transform jobs: a model applied to whole files."""

from clary.resources.registry import register
from clary.resources.spec import Resource

TRANSFORM_JOB = register(
    Resource(
        kind="TransformJob",
        announced="SageMaker Transform Job State Change",
        arn="transform-job/{TransformJobName}",
        status="TransformJobStatus",
        initial={"TransformJobStatus": "InProgress"},
        answers={  # evidence/batch-transform.md
            "TransformInput.CompressionType": "None",
            "TransformInput.SplitType": "None",
            "TransformOutput.AssembleWith": "None",
            "TransformOutput.KmsKeyId": "",
            "DataProcessing.InputFilter": "$",
            "DataProcessing.OutputFilter": "$",
            "DataProcessing.JoinSource": "None",
        },
        within={"ModelName": "Model"},
        missing="ValidationException",  # evidence/job-missing.md
        missing_text="Could not find requested job with name: {name}",
        conflict_text="Job name must be unique within an AWS account and region, "
        "and a job with this name already exists ({arn})",  # evidence/job-conflict.md
        lives=True,
        traced=True,
        passing=frozenset({"InProgress", "Stopping"}),
        level="behaves",
    )
)

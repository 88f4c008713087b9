"""Labeling jobs: people, or a model, who label data."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

_NO_LABELS = {"TotalLabeled": 0, "HumanLabeled": 0, "MachineLabeled": 0, "FailedNonRetryableError": 0}

LABELING_JOB = register(
    Resource(
        kind="LabelingJob",
        announced="SageMaker Ground Truth Labeling Job State Change",
        arn="labeling-job/{LabelingJobName}",
        status="LabelingJobStatus",
        initial={
            **not_run("LabelingJobStatus", "labeling jobs"),
            "LabelCounters": {**_NO_LABELS, "Unlabeled": 0},
        },
        generated={"JobReferenceCode": "{40}"},
        hidden=frozenset(),
        summary={
            "WorkteamArn": "HumanTaskConfig.WorkteamArn",
            "PreHumanTaskLambdaArn": "HumanTaskConfig.PreHumanTaskLambdaArn",
            "AnnotationConsolidationLambdaArn": "HumanTaskConfig.AnnotationConsolidationConfig"
            ".AnnotationConsolidationLambdaArn",
        },
    )
)

"""Hyperparameter tuning jobs: many training jobs that look for the best hyperparameters."""

from clary.resources.registry import register
from clary.resources.spec import Resource

_NO_JOBS = {
    "TrainingJobStatusCounters": {
        "Completed": 0,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 0,
    },
    "ObjectiveStatusCounters": {"Succeeded": 0, "Pending": 0, "Failed": 0},
}

HYPER_PARAMETER_TUNING_JOB = register(
    Resource(
        kind="HyperParameterTuningJob",
        announced="SageMaker HyperParameter Tuning Job State Change",
        arn="hyper-parameter-tuning-job/{HyperParameterTuningJobName}",
        status="HyperParameterTuningJobStatus",
        initial={"HyperParameterTuningJobStatus": "InProgress", **_NO_JOBS},
        summary={
            "Strategy": "HyperParameterTuningJobConfig.Strategy",
            "ResourceLimits": "HyperParameterTuningJobConfig.ResourceLimits",
        },
        lives=True,
        passing=frozenset({"InProgress", "Stopping"}),
        level="behaves",
    )
)

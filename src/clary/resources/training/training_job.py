"""Training jobs: a container that turns data into a model."""

from clary.resources.registry import register
from clary.resources.spec import Resource

TRAINING_JOB = register(
    Resource(
        kind="TrainingJob",
        announced="SageMaker Training Job State Change",
        announces=frozenset({"SecondaryStatus"}),
        arn="training-job/{TrainingJobName}",
        status="TrainingJobStatus",
        initial={"TrainingJobStatus": "InProgress", "SecondaryStatus": "Starting"},
        answers={  # evidence/describe-training-job-defaults.md
            "OutputDataConfig.KmsKeyId": "",
            "EnableNetworkIsolation": False,
            "EnableInterContainerTrafficEncryption": False,
            "EnableManagedSpotTraining": False,
        },
        filters={
            "WarmPoolStatusEquals": "WarmPoolStatus.Status",
            "TrainingPlanArnEquals": "ResourceConfig.TrainingPlanArn",
        },
        summary={"TrainingPlanArn": "ResourceConfig.TrainingPlanArn"},
        filters_after_paging=frozenset({"StatusEquals"}),  # evidence/list-training-jobs-order.md
        missing="ValidationException",  # evidence/training-job-missing.md
        conflict_text="Training job names must be unique within an AWS account and region, "
        "and a training job with this name already exists ({arn})",  # evidence/training-job-conflict.md
        without_effect={
            "DebugHookConfig": "SDK 2.x always sends it; tensors are not collected",
            "ProfilerConfig": "SDK 2.x always sends it; jobs are not profiled",
            "ResourceConfig.VolumeSizeInGB": "jobs share one disk, of which a reserve is kept for the server",
            "VpcConfig": "jobs use this machine's network, or none with EnableNetworkIsolation",
            "EnableInterContainerTrafficEncryption": "a job has one container",
        },
        lives=True,
        traced=True,
        passing=frozenset({"InProgress", "Stopping"}),
        level="behaves",
        conforms=frozenset({"CreateTrainingJob", "DescribeTrainingJob", "ListTrainingJobs"}),
    )
)

"""Processing jobs: a container that turns data into other data."""

from clary.resources.registry import register
from clary.resources.spec import Resource

PROCESSING_JOB = register(
    Resource(
        kind="ProcessingJob",
        announced="SageMaker Processing Job State Change",
        arn="processing-job/{ProcessingJobName}",
        status="ProcessingJobStatus",
        initial={"ProcessingJobStatus": "InProgress"},
        missing="ValidationException",  # evidence/job-missing.md
        missing_text="Could not find requested job with name: {name}",
        conflict_text="Job name must be unique within an AWS account and region, "
        "and a job with this name already exists ({arn})",  # evidence/job-conflict.md
        without_effect={
            "ProcessingResources.ClusterConfig.VolumeSizeInGB": "jobs share one disk, of which a reserve is "
            "kept for the server",
            "NetworkConfig.VpcConfig": "jobs use this machine's network, or none with EnableNetworkIsolation",
            "NetworkConfig.EnableInterContainerTrafficEncryption": "the hosts of a job are on one machine",
        },
        lives=True,
        traced=True,
        passing=frozenset({"InProgress", "Stopping"}),
        level="behaves",
    )
)

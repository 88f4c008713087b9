"""Edge packaging jobs: a compiled model packed and signed for devices."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

EDGE_PACKAGING_JOB = register(
    Resource(
        kind="EdgePackagingJob",
        arn="edge-packaging-job/{EdgePackagingJobName}",
        status="EdgePackagingJobStatus",
        initial=not_run(
            "EdgePackagingJobStatus",
            "edge packaging jobs",
            failed="FAILED",
            why="EdgePackagingJobStatusMessage",
        ),
        orders={
            "NAME": "EdgePackagingJobName",
            "MODEL_NAME": "ModelName",
            "CREATION_TIME": "CreationTime",
            "LAST_MODIFIED_TIME": "LastModifiedTime",
            "STATUS": "EdgePackagingJobStatus",
        },
        conflict="ValidationException",
    )
)

"""Processing jobs: a container that turns data into other data."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

PROCESSING_JOB = register(
    Resource(
        kind="ProcessingJob",
        arn="processing-job/{ProcessingJobName}",
        status="ProcessingJobStatus",
        initial=not_run("ProcessingJobStatus", "processing jobs"),
        missing="ValidationException",  # evidence/job-missing.md
        missing_text="Could not find requested job with name: {name}",
        conflict_text="Job name must be unique within an AWS account and region, "
        "and a job with this name already exists ({arn})",  # evidence/job-conflict.md
    )
)

"""AutoML jobs, whichever of the two Create operations made them: they share their names."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

AUTO_ML_JOB = register(
    Resource(
        kind="AutoMLJob",
        arn="automl-job/{AutoMLJobName}",
        status="AutoMLJobStatus",
        initial={**not_run("AutoMLJobStatus", "AutoML jobs"), "AutoMLJobSecondaryStatus": "Failed"},
    )
)

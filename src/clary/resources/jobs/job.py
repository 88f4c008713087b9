"""Jobs of the newer categories, each with a configuration document of its own schema."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

JOB = register(
    Resource(
        kind="Job",
        identity=("JobCategory", "JobName"),
        arn="job/{JobCategory}/{JobName}",
        status="JobStatus",
        initial={**not_run("JobStatus", "jobs of this category"), "SecondaryStatus": "Failed"},
        hidden=frozenset(),
        summary={"JobSecondaryStatus": "SecondaryStatus"},
    )
)

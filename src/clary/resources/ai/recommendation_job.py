"""AI recommendation jobs: which deployment of a model suits a workload."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

AI_RECOMMENDATION_JOB = register(
    Resource(
        kind="AIRecommendationJob",
        arn="ai-recommendation-job/{AIRecommendationJobName}",
        status="AIRecommendationJobStatus",
        initial=not_run("AIRecommendationJobStatus", "AI recommendation jobs"),
        answers={"OutputConfig.S3OutputLocation": ""},  # The member is required: nothing was written.
        hidden=frozenset(),
    )
)

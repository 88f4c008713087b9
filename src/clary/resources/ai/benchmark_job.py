"""AI benchmark jobs: an endpoint measured under load."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

AI_BENCHMARK_JOB = register(
    Resource(
        kind="AIBenchmarkJob",
        arn="ai-benchmark-job/{AIBenchmarkJobName}",
        status="AIBenchmarkJobStatus",
        initial=not_run("AIBenchmarkJobStatus", "AI benchmark jobs"),
        hidden=frozenset(),
        shown={"AIWorkloadConfigName": "AIWorkloadConfigName"},
    )
)

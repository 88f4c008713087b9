"""Optimization jobs: a model quantized or compiled ahead of deployment."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

OPTIMIZATION_JOB = register(
    Resource(
        kind="OptimizationJob",
        arn="optimization-job/{OptimizationJobName}",
        status="OptimizationJobStatus",
        initial=not_run("OptimizationJobStatus", "optimization jobs", failed="FAILED"),
        shown={"OptimizationTypes": "OptimizationTypes"},
        filters={"OptimizationContains": "OptimizationTypes contains"},
    )
)

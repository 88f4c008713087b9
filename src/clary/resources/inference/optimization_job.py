"""Optimization jobs: a model quantized or compiled ahead of deployment."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

OPTIMIZATION_JOB = register(
    Resource(
        kind="OptimizationJob",
        arn="optimization-job/{OptimizationJobName}",
        status="OptimizationJobStatus",
        initial=not_run(
            "OptimizationJobStatus",
            "optimization jobs",
            failed="FAILED",
            instead="Deploy the model as it is, or optimise it in a training job of your own.",
        ),
        shown={"OptimizationTypes": "OptimizationTypes"},
        filters={"OptimizationContains": "OptimizationTypes contains"},
    )
)

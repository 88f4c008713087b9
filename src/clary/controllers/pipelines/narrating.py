"""What an execution says of itself in CloudWatch Logs: above all why a step was not taken from the cache."""

from __future__ import annotations

from clary.controllers.means import Means
from clary.store.records import Record

GROUP = "/aws/sagemaker/Pipelines"


def narrate(means: Means, step: Record, line: str) -> None:
    """Add a line to the log of a step's execution."""
    stamp = int(means.records.clock.now().timestamp() * 1000)
    stream = f"{step.doc['PipelineName']}/{step.doc['PipelineExecutionId']}"
    means.logs.put(step.account, step.region, GROUP, stream, [(stamp, line)])

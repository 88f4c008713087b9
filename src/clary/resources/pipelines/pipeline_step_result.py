"""Results of steps that later executions may take: the newest of each cache key, and the newest of all.

It is no resource of AWS's. `CacheKey` is a digest of the key's parts, or `last`; `_Parts` are these, `_Step`
what the step's record said of the result, `EndTime` when the step succeeded.
"""

from clary.resources.registry import register
from clary.resources.spec import Resource

PIPELINE_STEP_RESULT = register(
    Resource(
        kind="PipelineStepResult",
        identity=("PipelineName", "StepName", "CacheKey"),
        arn="pipeline/{PipelineName!l}/result/{PipelineName}/{StepName}/{CacheKey}",
    )
)
LAST = "last"

"""Tokens by which callback steps are told how they end. It is no resource of AWS's.

`_Step` is the uid of the step that waits; `_Answer` is what it was told first, so that telling it again with
the same token of the request's changes nothing.
"""

from clary.resources.registry import register
from clary.resources.spec import Resource

PIPELINE_CALLBACK = register(
    Resource(
        kind="PipelineCallback",
        identity=("CallbackToken",),
        arn="pipeline/{PipelineName!l}/execution/{PipelineExecutionId}/callback/{CallbackToken}",
        missing_text="No step of a pipeline waits for the callback token {name}.",
    )
)

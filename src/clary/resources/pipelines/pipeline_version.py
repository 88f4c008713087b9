"""Versions of pipelines: records that no Describe of their own tells of."""

from clary.resources.registry import register
from clary.resources.spec import Resource

PIPELINE_VERSION = register(
    Resource(
        kind="PipelineVersion",
        identity=("PipelineName", "PipelineVersionId"),
        filters={"PipelineName": "PipelineName"},
        arn="pipeline/{PipelineName!l}/version/{PipelineVersionId}",
        missing_text="Pipeline version {name} does not exist.",
    )
)

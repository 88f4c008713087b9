"""Pipelines: a definition in versions."""

from clary.resources.registry import register
from clary.resources.spec import Resource

PIPELINE = register(
    Resource(
        kind="Pipeline",
        arn="pipeline/{PipelineName!l}",  # evidence/pipelines.md
        status="PipelineStatus",
        initial={"PipelineStatus": "Active"},
        hidden=frozenset({"Tags", "ManagedBy"}),
        filters={"PipelineNamePrefix": "PipelineName starts", "ManagedBy": "ManagedBy"},
        summary={"LastExecutionTime": "LastRunTime"},
        missing_text="Pipeline '{arn}' does not exist.",
        conflict="ValidationException",  # evidence/pipelines.md
        conflict_text="Pipeline names must be unique within an AWS account and region. "
        "Pipeline with name ({name}) already exists.",
    )
)

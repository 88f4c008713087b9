"""Executions of pipelines: kept, with their parameters; none has a step."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

PIPELINE_EXECUTION = register(
    Resource(
        kind="PipelineExecution",
        identity=("PipelineName", "PipelineExecutionId"),
        generated={"PipelineExecutionId": "{12}"},
        arn="pipeline/{PipelineName!l}/execution/{PipelineExecutionId}",
        named={"Create": "StartPipelineExecution"},
        status="PipelineExecutionStatus",
        initial=not_run("PipelineExecutionStatus", "pipeline executions"),
        filters={"PipelineVersionAlias": "PipelineVersionAliases contains"},
        summary={"StartTime": "CreationTime", "PipelineExecutionFailureReason": "FailureReason"},
        within={"PipelineName": "Pipeline"},
        missing_text="Pipeline execution with ARN {arn} does not exist.",
    )
)

"""Executions of pipelines: their steps are records of their own."""

from clary.resources.registry import register
from clary.resources.spec import Resource

PIPELINE_EXECUTION = register(
    Resource(
        kind="PipelineExecution",
        identity=("PipelineName", "PipelineExecutionId"),
        generated={"PipelineExecutionId": "{12}"},
        arn="pipeline/{PipelineName!l}/execution/{PipelineExecutionId}",
        named={"Create": "StartPipelineExecution"},
        status="PipelineExecutionStatus",
        initial={"PipelineExecutionStatus": "Executing"},
        filters={"PipelineVersionAlias": "PipelineVersionAliases contains"},
        summary={"StartTime": "CreationTime", "PipelineExecutionFailureReason": "FailureReason"},
        within={"PipelineName": "Pipeline"},
        missing_text="Pipeline execution with ARN {arn} does not exist.",
        lives=True,
        passing=frozenset({"Executing", "Stopping"}),
        level="behaves",
        announced="SageMaker Model Building Pipeline Execution Status Change",
    )
)

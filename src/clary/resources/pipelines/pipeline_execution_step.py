"""Steps of executions of pipelines: one for every step that began. AWS lists them and describes none."""

from clary.resources.registry import register
from clary.resources.spec import Resource

PIPELINE_EXECUTION_STEP = register(
    Resource(
        kind="PipelineExecutionStep",
        announced="SageMaker Model Building Pipeline Execution Step Status Change",
        identity=("PipelineExecutionId", "StepName"),
        arn="pipeline/{PipelineName!l}/execution/{PipelineExecutionId}/step/{StepName}",
        named={"List": "ListPipelineExecutionSteps"},
        status="StepStatus",
        initial={"StepStatus": "Starting", "AttemptCount": 1},
        lives=True,
    )
)
DONE = frozenset({"Succeeded", "Failed", "Stopped"})
"""The statuses in which a step stays, unless its execution is retried."""

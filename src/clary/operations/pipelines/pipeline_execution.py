"""Executions of pipelines: kept with their version and parameters, and failed, for nothing runs them yet."""

from __future__ import annotations

import json
from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations import crud, none_yet, references
from clary.operations.kinds import of
from clary.operations.pipelines import definition, versions
from clary.operations.registry import Call, before, completes, operation
from clary.resources.pipelines.pipeline import PIPELINE
from clary.resources.pipelines.pipeline_execution import PIPELINE_EXECUTION
from clary.store.record import Record

_PARAMETERS = "PipelineParameters"


@before("sagemaker", "StartPipelineExecution")
def check(call: Call) -> None:
    """Refuse a role that cannot be passed on."""
    if role := call.request.get("RoleArn"):
        references.role(call, role)


@completes("sagemaker", "StartPipelineExecution")
def started(call: Call) -> Document:
    """Say which version is executed, by which role, and with which parameters."""
    pipeline = crud.named(of(PIPELINE), call)
    version = versions.asked(call, pipeline)
    values = definition.parameters(version.doc["PipelineDefinition"])
    values |= {each["Name"]: each["Value"] for each in call.request.get(_PARAMETERS, ())}
    parallelism = pipeline.doc.get("ParallelismConfiguration")
    return {
        "PipelineName": pipeline.name,
        "PipelineArn": pipeline.arn,
        "RoleArn": call.request.get("RoleArn", pipeline.doc["RoleArn"]),
        "PipelineExecutionDisplayName": _display_name(call),
        _PARAMETERS: [{"Name": name, "Value": value} for name, value in values.items()],
        versions.NUMBER: version.doc[versions.NUMBER],
        versions.ALIASES: version.doc.get(versions.ALIASES, []),
        **({"ParallelismConfiguration": parallelism} if parallelism else {}),
        **{name: call.request[name] for name in ("ParallelismConfiguration",) if name in call.request},
    }


@operation("sagemaker", "StartPipelineExecution", level="stored")
def start(call: Call) -> Document:
    """Keep an execution, and tell its pipeline and version of it."""
    with call.records.database.write():
        answer = crud.create(of(PIPELINE_EXECUTION), call)
        execution = _execution(call, answer["PipelineExecutionArn"])
        pipeline = crud.named(of(PIPELINE), call)
        version = versions.numbered(call, pipeline, execution.doc[versions.NUMBER])
        call.records.update(pipeline, {"LastRunTime": execution.created}, touch=False)
        call.records.update(version, {"LastExecutionPipelineExecutionArn": execution.arn}, touch=False)
    return answer


@operation("sagemaker", "ListPipelineExecutions", level="stored")
def page(call: Call) -> Document:
    """Answer one page of a pipeline's executions, whichever way the pipeline is named."""
    asked = {**call.request, "PipelineName": crud.named(of(PIPELINE), call).name}
    if "PipelineVersionAlias" in asked:
        asked["PipelineVersionAlias"] = json.dumps(asked["PipelineVersionAlias"])  # as the record spells it
    return crud.page(of(PIPELINE_EXECUTION), replace(call, request=asked))


@operation("sagemaker", "StopPipelineExecution", level="stored")
def stop(call: Call) -> Document:
    """Refuse to stop an execution that has ended; all have. evidence/pipelines.md"""
    execution = _execution(call, call.request["PipelineExecutionArn"])
    raise ApiError(
        f"The pipeline execution {execution.arn} is {execution.status}: only one that is Executing can be "
        "stopped.",
        code="ConflictException",
        status=400,
    )


@operation("sagemaker", "RetryPipelineExecution", level="stored")
def retry(call: Call) -> Document:
    """Take a failed execution up again: it fails again."""
    with call.records.database.write():
        execution = _execution(call, call.request["PipelineExecutionArn"])
        changes = {name: call.request[name] for name in ("ParallelismConfiguration",) if name in call.request}
        call.records.update(execution, changes)
    return {"PipelineExecutionArn": execution.arn}


@operation("sagemaker", "DescribePipelineDefinitionForExecution", level="stored")
def describe_definition(call: Call) -> Document:
    """Answer the definition that an execution was started with."""
    execution = _execution(call, call.request["PipelineExecutionArn"])
    pipeline = crud.named(of(PIPELINE), replace(call, request={"PipelineName": execution.doc["PipelineArn"]}))
    version = versions.numbered(call, pipeline, execution.doc[versions.NUMBER])
    return {"PipelineDefinition": version.doc["PipelineDefinition"], "CreationTime": execution.created}


@operation("sagemaker", "ListPipelineParametersForExecution", level="stored")
def parameters(call: Call) -> Document:
    """Answer an execution's parameters, those it was not given with their defaults: at most 200, one page."""
    execution = _execution(call, call.request["PipelineExecutionArn"])
    crud.page_size(call.request)
    return {_PARAMETERS: execution.doc.get(_PARAMETERS, [])}


none_yet.listed("ListPipelineExecutionSteps", PIPELINE_EXECUTION)
for _name in ("SendPipelineExecutionStepSuccess", "SendPipelineExecutionStepFailure"):
    none_yet.absent(_name, "No step of a pipeline waits for the callback token {CallbackToken}.")


def _execution(call: Call, arn: str) -> Record:
    return crud.named(of(PIPELINE_EXECUTION), replace(call, request={"PipelineExecutionArn": arn}))


def _display_name(call: Call) -> str:
    milliseconds = int(call.clock.now().timestamp() * 1000)
    return str(call.request.get("PipelineExecutionDisplayName", f"execution-{milliseconds}"))

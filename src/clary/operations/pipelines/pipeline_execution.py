"""Executions of pipelines: what starts one, stops it and takes it up again, and what is told of it."""

from __future__ import annotations

import json
from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.engines.pipelines import parameters as values_of
from clary.engines.pipelines import selective
from clary.engines.pipelines.declared import Definition
from clary.engines.pipelines.definition import NOT_LOGGED
from clary.engines.pipelines.faults import ParameterFault
from clary.engines.pipelines.standings import standing
from clary.operations import crud, references
from clary.operations.kinds import of
from clary.operations.pipelines import versions
from clary.operations.pipelines.definition import parsed
from clary.operations.pipelines.steps import steps_of
from clary.operations.registry import Call, before, completes, operation
from clary.resources.pipelines.pipeline import PIPELINE
from clary.resources.pipelines.pipeline_execution import PIPELINE_EXECUTION
from clary.store.record import Record

_PARAMETERS = "PipelineParameters"
_PARALLELISM = "ParallelismConfiguration"
_SELECTIVE = "SelectiveExecutionConfig"
_TAKEN = ("StepStatus", "Metadata", "_Made", "_Outputs")  # what a selective execution takes over of a step
_UNBUILT = {"MlflowExperimentName": NOT_LOGGED}


@before("sagemaker", "StartPipelineExecution")
def check(call: Call) -> None:
    """Refuse what is not built."""
    references.refuse(call.request, _UNBUILT)


@completes("sagemaker", "StartPipelineExecution")
def started(call: Call) -> Document:
    """Say which version is executed, by which role, with which parameters, and what is taken over."""
    pipeline = crud.named(of(PIPELINE), call)
    role: str = call.request.get("RoleArn") or pipeline.doc["RoleArn"]
    references.role(call, role)  # the pipeline's own too: it may have changed since
    version = versions.asked(call, pipeline)
    definition = parsed(version.doc["PipelineDefinition"])
    given = {each["Name"]: each["Value"] for each in call.request.get(_PARAMETERS, ())}
    try:
        values = values_of.values(definition, given)
    except ParameterFault as fault:
        raise ValidationError(str(fault)) from fault
    parallelism = call.request.get(_PARALLELISM, pipeline.doc.get(_PARALLELISM))
    return {
        "PipelineName": pipeline.name,
        "PipelineArn": pipeline.arn,
        "RoleArn": role,
        "PipelineExecutionDisplayName": _display_name(call),
        _PARAMETERS: [{"Name": name, "Value": values_of.text(value)} for name, value in values.items()],
        versions.NUMBER: version.doc[versions.NUMBER],
        versions.ALIASES: version.doc.get(versions.ALIASES, []),
        "_Version": version.uid,
        **({_PARALLELISM: parallelism} if parallelism else {}),
        **_selected(call, pipeline, definition),
    }


@operation("sagemaker", "StartPipelineExecution")
def start(call: Call) -> Document:
    """Keep an execution, and tell its pipeline and version of it; its controller begins its steps."""
    with call.records.database.write():
        answer = crud.create(of(PIPELINE_EXECUTION), call)
        execution = named(call, answer["PipelineExecutionArn"])
        pipeline = crud.named(of(PIPELINE), call)
        version = versions.numbered(call, pipeline, execution.doc[versions.NUMBER])
        call.records.update(pipeline, {"LastRunTime": execution.created}, touch=False)
        call.records.update(version, {"LastExecutionPipelineExecutionArn": execution.arn}, touch=False)
    return answer


@operation("sagemaker", "ListPipelineExecutions")
def page(call: Call) -> Document:
    """Answer one page of a pipeline's executions, whichever way the pipeline is named."""
    asked = {**call.request, "PipelineName": crud.named(of(PIPELINE), call).name}
    if "PipelineVersionAlias" in asked:
        asked["PipelineVersionAlias"] = json.dumps(asked["PipelineVersionAlias"])  # as the record spells it
    return crud.page(of(PIPELINE_EXECUTION), replace(call, request=asked))


@operation("sagemaker", "StopPipelineExecution")
def stop(call: Call) -> Document:
    """Ask an execution to stop; one that has ended cannot be. evidence/pipelines.md"""
    with call.records.database.write():
        execution = named(call, call.request["PipelineExecutionArn"])
        if execution.status not in ("Executing", "Stopping"):
            raise _conflict(
                f"The pipeline execution {execution.arn} is {execution.status}: only one that is Executing "
                "can be stopped."
            )
        if execution.status == "Executing":
            stopping = {"PipelineExecutionStatus": "Stopping", **_signed(call)}
            call.records.update(execution, stopping, due=call.clock.now())
    return {"PipelineExecutionArn": execution.arn}


@operation("sagemaker", "RetryPipelineExecution")
def retry(call: Call) -> Document:
    """Take an execution up again at the steps that failed or were stopped; what succeeded is kept."""
    token = call.request["ClientRequestToken"]
    with call.records.database.write():
        execution = named(call, call.request["PipelineExecutionArn"])
        if execution.doc.get("_Retried") == token:
            return {"PipelineExecutionArn": execution.arn}
        if execution.status not in ("Failed", "Stopped", "CompletedWithFailures"):
            raise _conflict(
                f"The pipeline execution {execution.arn} is {execution.status}: only one that has Failed or "
                "is Stopped can be retried."
            )
        for step in steps_of(call.records, execution):
            if step.status in ("Failed", "Stopped"):
                call.records.delete(step)
        changes = {name: call.request[name] for name in (_PARALLELISM,) if name in call.request}
        changes |= {"PipelineExecutionStatus": "Executing", "_Retried": token, **_signed(call)}
        call.records.update(execution, changes, remove=("FailureReason", "_Fault"), due=call.clock.now())
    return {"PipelineExecutionArn": execution.arn}


@operation("sagemaker", "DescribePipelineDefinitionForExecution")
def describe_definition(call: Call) -> Document:
    """Answer the definition that an execution was started with."""
    execution = named(call, call.request["PipelineExecutionArn"])
    pipeline = crud.named(of(PIPELINE), replace(call, request={"PipelineName": execution.doc["PipelineArn"]}))
    version = versions.numbered(call, pipeline, execution.doc[versions.NUMBER])
    return {"PipelineDefinition": version.doc["PipelineDefinition"], "CreationTime": execution.created}


@operation("sagemaker", "ListPipelineParametersForExecution")
def parameters(call: Call) -> Document:
    """Answer an execution's parameters, those it was not given with their defaults: at most 200, one page."""
    execution = named(call, call.request["PipelineExecutionArn"])
    crud.page_size(call.request)
    return {_PARAMETERS: execution.doc.get(_PARAMETERS, [])}


def named(call: Call, arn: str) -> Record:
    """Return the execution that an ARN names."""
    return crud.named(of(PIPELINE_EXECUTION), replace(call, request={"PipelineExecutionArn": arn}))


def _selected(call: Call, pipeline: Record, definition: Definition) -> Document:
    """Return what a selective execution takes over from the one before it."""
    config = call.request.get(_SELECTIVE)
    if not config:
        return {}
    arn = config.get("SourcePipelineExecutionArn")
    before = {}
    if arn:
        source = named(call, arn)
        if source.doc["PipelineArn"] != pipeline.arn:
            raise ValidationError(f"The source execution {arn} is not one of the pipeline {pipeline.name}.")
        before = {step.name: step.doc for step in steps_of(call.records, source)}
    earlier = {name: standing(doc) for name, doc in before.items()} if arn else None
    chosen = [each["StepName"] for each in config["SelectedSteps"]]
    try:
        selection = selective.plan(definition, chosen, earlier)
    except ParameterFault as fault:
        raise ValidationError(str(fault)) from fault
    taken = {
        name: {member: before[name][member] for member in _TAKEN if member in before[name]}
        for name in sorted(selection.taken)
    }
    return {"_Taken": taken, "_Source": arn or ""}


def _conflict(words: str) -> ApiError:
    return ApiError(words, code="ConflictException", status=400)


def _signed(call: Call) -> Document:
    return {"LastModifiedBy": crud.signature(call.principal)}


def _display_name(call: Call) -> str:
    milliseconds = int(call.clock.now().timestamp() * 1000)
    return str(call.request.get("PipelineExecutionDisplayName", f"execution-{milliseconds}"))

"""Pipelines: kept in versions, described by number or alias, deleted with all that belongs to them."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.operations import crud, references
from clary.operations.kinds import of
from clary.operations.pipelines import definition, versions
from clary.operations.pipelines.steps import steps_of
from clary.operations.registry import Call, before, operation
from clary.resources.pipelines.pipeline import PIPELINE
from clary.resources.pipelines.pipeline_callback import PIPELINE_CALLBACK
from clary.resources.pipelines.pipeline_execution import PIPELINE_EXECUTION
from clary.resources.pipelines.pipeline_step_result import PIPELINE_STEP_RESULT
from clary.resources.pipelines.pipeline_version import PIPELINE_VERSION
from clary.store.record import Record
from clary.store.records import Filter

_RUNNING = ("Executing", "Stopping")
_OF_VERSIONS = ("PipelineDefinition", versions.ALIASES)  # what a pipeline's versions keep, not itself


@before("sagemaker", "CreatePipeline")
@before("sagemaker", "UpdatePipeline")
def check(call: Call) -> None:
    """Refuse a role that cannot be passed on."""
    if role := call.request.get("RoleArn"):
        references.role(call, role)


@operation("sagemaker", "CreatePipeline")
def create(call: Call) -> Document:
    """Keep a pipeline and its first version; a repeated request answers what the first one did."""
    text = definition.given(call, call.request["RoleArn"])
    if text is None:
        raise ValidationError("Give one of PipelineDefinition and PipelineDefinitionS3Location.")
    with call.records.database.write():
        answer = crud.create(of(PIPELINE), call)
        pipeline = call.records.get(PIPELINE, call.request)
        if versions.NUMBER not in pipeline.doc:
            aliases = call.request.get(versions.ALIASES, ())
            versions.add(call, pipeline, text, 1, aliases)
            said = {versions.NUMBER: 1, "ManagedBy": "CUSTOMER"}
            call.records.update(pipeline, said, remove=_OF_VERSIONS, touch=False)
    return answer


@operation("sagemaker", "UpdatePipeline")
def update(call: Call) -> Document:
    """Change a pipeline; a definition makes another version of it. evidence/pipelines.md"""
    role = crud.named(of(PIPELINE), call).doc["RoleArn"]
    text = definition.given(call, call.request.get("RoleArn") or role)
    with call.records.database.write():
        answer = crud.update(of(PIPELINE), call)
        pipeline = crud.named(of(PIPELINE), call)
        number, aliases = pipeline.doc[versions.NUMBER], call.request.get(versions.ALIASES, ())
        if text is not None:
            number += 1
            versions.add(call, pipeline, text, number, aliases)
        else:
            versions.give(call, pipeline, versions.numbered(call, pipeline, number), aliases)
        call.records.update(pipeline, {versions.NUMBER: number}, remove=_OF_VERSIONS)
    return {**answer, versions.NUMBER: number}


@operation("sagemaker", "DescribePipeline")
def describe(call: Call) -> Document:
    """Describe a pipeline with the version that is asked for, by default the newest."""
    pipeline = crud.named(of(PIPELINE), call)
    version = versions.shown(versions.asked(call, pipeline))
    return crud.described(of(PIPELINE), {**pipeline.doc, **version})


@operation("sagemaker", "DeletePipeline")
def delete(call: Call) -> Document:
    """Forget a pipeline with its versions and executions, unless one of these is running."""
    with call.records.database.write():
        pipeline = crud.named(of(PIPELINE), call)
        mine = Filter("PipelineName", "eq", pipeline.name)
        running = [mine, Filter("PipelineExecutionStatus", "in", _RUNNING)]
        if found := call.records.page(PIPELINE_EXECUTION, where=running, limit=1).records:
            raise ApiError(
                f"The pipeline {pipeline.arn} has a running execution, {found[0].arn}. Stop it first.",
                code="ConflictException",
                status=400,
            )
        for resource in (PIPELINE_EXECUTION, PIPELINE_VERSION):
            while belonging := call.records.page(resource, where=[mine], limit=100).records:
                for record in belonging:
                    _forget(call, record)
        for result in list(call.records.each(PIPELINE_STEP_RESULT, under=pipeline.name)):
            call.records.delete(result)
        call.records.delete(pipeline)
    return {"PipelineArn": pipeline.arn}


def _forget(call: Call, record: Record) -> None:
    """Delete what belongs to a pipeline, an execution with its steps and their callbacks."""
    if record.kind == PIPELINE_EXECUTION.kind:
        for step in list(steps_of(call.records, record)):
            callback = step.doc.get("Metadata", {}).get("Callback", {}).get("CallbackToken")
            if callback and (found := call.records.find(PIPELINE_CALLBACK, callback)):
                call.records.delete(found)
            call.records.delete(step)
    call.records.delete(record)

"""Pipelines: kept in versions, described by number or alias, deleted with all that belongs to them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

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

_AT_ONCE = 100  # records that are deleted in one write
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
    """Forget a pipeline with its versions and executions, unless one of these is running.

    Others write between one part and the next. The pipeline goes last: who is cut off may ask again.
    """
    while True:
        with call.records.database.write():
            pipeline = crud.named(of(PIPELINE), call)
            _check_idle(call, pipeline)
            belonging = list(islice(_belonging(call, pipeline), _AT_ONCE))
            for record in belonging:
                call.records.delete(record)
            if not belonging:
                call.records.delete(versions.numbered(call, pipeline, pipeline.doc[versions.NUMBER]))
                call.records.delete(pipeline)
                return {"PipelineArn": pipeline.arn}


def _check_idle(call: Call, pipeline: Record) -> None:
    mine = Filter("PipelineName", "eq", pipeline.name)
    running = [mine, Filter("PipelineExecutionStatus", "in", _RUNNING)]
    if found := call.records.page(PIPELINE_EXECUTION, where=running, limit=1).records:
        raise ApiError(
            f"The pipeline {pipeline.arn} has a running execution, {found[0].arn}. Stop it first.",
            code="ConflictException",
            status=400,
        )


def _belonging(call: Call, pipeline: Record) -> Iterator[Record]:
    """Yield what belongs to a pipeline but its newest version, what belongs to something before that."""
    for execution in call.records.each(PIPELINE_EXECUTION, under=pipeline.name):
        for step in steps_of(call.records, execution):
            callback = step.doc.get("Metadata", {}).get("Callback", {}).get("CallbackToken")
            if callback and (found := call.records.find(PIPELINE_CALLBACK, callback)):
                yield found
            yield step
        yield execution
    yield from call.records.each(PIPELINE_STEP_RESULT, under=pipeline.name)
    for version in call.records.each(PIPELINE_VERSION, under=pipeline.name):
        if version.doc[versions.NUMBER] != pipeline.doc[versions.NUMBER]:
            yield version

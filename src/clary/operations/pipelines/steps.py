"""Steps of executions: listed as they stand, and told by their callback tokens how they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from botocore.model import ListShape

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.operations import crud
from clary.operations.computed_list import cut
from clary.operations.kinds import members, of, project
from clary.operations.registry import Call, operation
from clary.resources.pipelines.pipeline_callback import PIPELINE_CALLBACK
from clary.resources.pipelines.pipeline_execution import PIPELINE_EXECUTION
from clary.resources.pipelines.pipeline_execution_step import DONE, PIPELINE_EXECUTION_STEP
from clary.store.record import Record
from clary.store.records import Records
from clary.wire import models

_LIST, _MEMBER = "ListPipelineExecutionSteps", "PipelineExecutionSteps"
_PAGE = 100  # Steps without MaxResults: evidence/pipeline-executions.md
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


@operation("sagemaker", _LIST)
def page(call: Call) -> Document:
    """Answer one page of the steps that have begun, the latest first unless asked otherwise."""
    arn = call.request.get("PipelineExecutionArn")
    if arn is None:
        raise ValidationError("Give the PipelineExecutionArn of the execution whose steps are wanted.")
    execution = crud.named(of(PIPELINE_EXECUTION), replace(call, request={"PipelineExecutionArn": arn}))
    ascending = call.request.get("SortOrder") == "Ascending"
    found = ((_place(step, ascending=ascending), step.doc) for step in steps_of(call.records, execution))
    limit = call.request.get("MaxResults", _PAGE)
    steps, token = cut(call, found, limit, call.request.get("NextToken"))
    shape = members(models.service("sagemaker").operation_model(_LIST).output_shape)[_MEMBER]
    element = shape.member if isinstance(shape, ListShape) else None
    answer: Document = {_MEMBER: [project(element, doc) for doc in steps]}
    return answer | ({"NextToken": token} if token else {})


@operation("sagemaker", "SendPipelineExecutionStepSuccess")
def succeed(call: Call) -> Document:
    """Tell a callback step that it succeeded, with its outputs."""
    outputs = call.request.get("OutputParameters", [])
    return _answer(call, {"Status": "Succeeded", "OutputParameters": outputs})


@operation("sagemaker", "SendPipelineExecutionStepFailure")
def fail(call: Call) -> Document:
    """Tell a callback step that it failed, and why."""
    return _answer(call, {"Status": "Failed", "FailureReason": call.request.get("FailureReason", "")})


def steps_of(records: Records, execution: Record) -> Iterator[Record]:
    """Yield the steps of an execution by name."""
    own = records.scoped(execution.account, execution.region)
    return own.each(PIPELINE_EXECUTION_STEP, under=execution.doc["PipelineExecutionId"])


def _answer(call: Call, answer: Document) -> Document:
    """Keep what a step was told first; the same request again changes nothing."""
    answer["Token"] = call.request.get("ClientRequestToken", "")
    with call.records.database.write():
        callback = call.records.get(PIPELINE_CALLBACK, call.request)
        step = call.records.by_uid(callback.doc["_Step"])
        if step is None:
            raise call.records.missing(PIPELINE_CALLBACK, call.request)
        told = {"PipelineExecutionArn": step.doc["PipelineExecutionArn"]}
        if callback.doc.get("_Answer") == answer and answer["Token"]:
            return told
        if "_Answer" in callback.doc or step.status in DONE:
            raise ApiError(
                f"The step {step.name} of {step.doc['PipelineExecutionArn']} was told how it ends before.",
                code="ConflictException",
                status=400,
            )
        call.records.update(callback, {"_Answer": answer})
        call.records.update(step, {"_Answered": answer}, due=call.clock.now())
    return told


def _place(step: Record, *, ascending: bool) -> str:
    since = step.created - datetime.fromtimestamp(0, UTC) if ascending else _FAR - step.created
    micros = since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds
    return f"{micros:020d} {step.name}"

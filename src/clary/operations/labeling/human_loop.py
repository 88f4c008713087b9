"""Human loops: kept, and failed from the start, for nobody looks."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud
from clary.operations.kinds import members, project
from clary.operations.registry import Call, operation
from clary.resources.labeling.flow_definition import FLOW_DEFINITION
from clary.resources.labeling.human_loop import HUMAN_LOOP
from clary.store.records import Filter
from clary.wire import models

SERVICE = "sagemaker-a2i-runtime"


@operation(SERVICE, "StartHumanLoop", level="stored")
def start(call: Call) -> Document:
    """Keep a loop of a flow definition that is there."""
    _check_flow(call)
    doc = {**call.request, "HumanLoopArn": call.records.arn(HUMAN_LOOP, call.request)}
    return {"HumanLoopArn": call.records.create(HUMAN_LOOP, doc).arn}


@operation(SERVICE, "DescribeHumanLoop", level="stored")
def describe(call: Call) -> Document:
    """Describe a loop."""
    shape = models.service(SERVICE).operation_model(call.operation).output_shape
    return project(shape, call.records.get(HUMAN_LOOP, call.request).doc)


@operation(SERVICE, "ListHumanLoops", level="stored")
def page(call: Call) -> Document:
    """Answer one page of a flow definition's loops."""
    request = call.request
    _check_flow(call)
    where = [Filter("FlowDefinitionArn", "eq", request["FlowDefinitionArn"])]
    if after := request.get("CreationTimeAfter"):
        where.append(Filter("CreationTime", "ge", after))
    if until := request.get("CreationTimeBefore"):
        where.append(Filter("CreationTime", "le", until))
    found = call.records.page(
        HUMAN_LOOP,
        where=where,
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=crud.page_size(request),
        token=request.get("NextToken"),
    )
    answer = members(models.service(SERVICE).operation_model(call.operation).output_shape)
    shape = answer["HumanLoopSummaries"].member  # type: ignore[attr-defined]
    told: Document = {"HumanLoopSummaries": [project(shape, record.doc) for record in found.records]}
    return told | ({"NextToken": found.next_token} if found.next_token else {})


@operation(SERVICE, "StopHumanLoop", level="stored")
def stop(call: Call) -> None:
    """Leave a loop as it is: none is under way."""
    call.records.get(HUMAN_LOOP, call.request)


@operation(SERVICE, "DeleteHumanLoop", level="stored")
def delete(call: Call) -> None:
    """Forget a loop."""
    with call.records.database.write():
        call.records.delete(call.records.get(HUMAN_LOOP, call.request))


def _check_flow(call: Call) -> None:
    arn = call.request["FlowDefinitionArn"]
    flow = call.records.by_arn(arn)
    if flow is None or flow.kind != FLOW_DEFINITION.kind:
        raise ValidationError(f"There is no flow definition {arn}.")

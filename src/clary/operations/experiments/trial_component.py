"""What calls about trial components decide: what they are displayed as, listed by, and when they may go."""

from __future__ import annotations

from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.lineage.entities import group_arn
from clary.operations import crud, kinds
from clary.operations.experiments.experiment import displayed
from clary.operations.experiments.metrics import summaries
from clary.operations.experiments.trial import parents
from clary.operations.lineage.edges import delete_alone
from clary.operations.registry import Call, completes, operation
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.experiments.trial import TRIAL
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.store.lineage.measured import merged

KIND = kinds.of(TRIAL_COMPONENT)


@completes("sagemaker", "CreateTrialComponent")
def complete(call: Call) -> Document:
    """Display the name where nothing else is given, and name the group that it belongs to."""
    return {"LineageGroupArn": group_arn(call.account, call.region), **displayed(call, "TrialComponentName")}


@operation("sagemaker", "DescribeTrialComponent")
def describe(call: Call) -> Document:
    """Tell everything, and the metrics as they are now."""
    component = crud.named(KIND, call)
    metrics = merged(component.doc.get("Metrics", ()), summaries(call, component.arn))
    return crud.described(KIND, {**component.doc, **({"Metrics": metrics} if metrics else {})})


@operation("sagemaker", "ListTrialComponents")
def page(call: Call) -> Document:
    """List components; names and sources are found in whatever case they are written."""
    request = dict(call.request)
    for member, resource in (("TrialName", TRIAL), ("ExperimentName", EXPERIMENT)):
        if member in request:
            request[member] = call.records.get(resource, request).name
    if "SourceArn" in request:
        request["SourceArn"] = request["SourceArn"].lower()
    return crud.page(KIND, replace(call, request=request))


@operation("sagemaker", "DeleteTrialComponent")
def delete(call: Call) -> Document:
    """Forget a component that is in no trial and no lineage, its metrics with it."""
    with call.records.database.write():
        component = crud.named(KIND, call)
        if inside := parents(component):
            raise ValidationError(  # evidence/experiments.md
                f"TrialComponent '{component.arn}' is linked to 1 or more trials and cannot be deleted. "
                f"Disassociate it from {inside[0]['TrialName']} first."
            )
        answer = delete_alone(KIND, call)
        call.metrics.forget(component.account, component.region, component.arn)
    return answer

"""What calls about trials decide: which experiment they belong to, and which components they have."""

from __future__ import annotations

from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.lineage.entities import in_trial, parent
from clary.operations import crud, kinds
from clary.operations.experiments.experiment import displayed
from clary.operations.registry import Call, completes, operation
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.experiments.trial import TRIAL
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.store.record import Record

MOST_TRIALS = 50  # of one component; evidence/experiments.md


@completes("sagemaker", "CreateTrial")
def complete(call: Call) -> Document:
    """Name the experiment as it names itself, and display the name where nothing else is given."""
    experiment = call.records.get(EXPERIMENT, call.request)
    return {"ExperimentName": experiment.name, **displayed(call, "TrialName")}


@operation("sagemaker", "ListTrials")
def page(call: Call) -> Document:
    """List trials, those that one component is in if it is named."""
    request = dict(call.request)
    if "ExperimentName" in request:
        request["ExperimentName"] = call.records.get(EXPERIMENT, request).name
    if "TrialComponentName" in request:
        component = call.records.get(TRIAL_COMPONENT, request)
        request["TrialComponentName"] = tuple(each["TrialName"] for each in parents(component))
    return crud.page(kinds.of(TRIAL), replace(call, request=request))


@operation("sagemaker", "AssociateTrialComponent")
def associate(call: Call) -> Document:
    """Put a component into a trial; to do it twice is no mistake."""
    with call.records.database.write():
        trial, component = _pair(call)
        put_in(call, component, trial)
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


@operation("sagemaker", "DisassociateTrialComponent")
def disassociate(call: Call) -> Document:
    """Take a component out of a trial."""
    with call.records.database.write():
        trial, component = _pair(call)
        others = [each for each in parents(component) if each["TrialName"] != trial.name]
        if len(others) != len(parents(component)):
            call.records.update(component, {"Parents": others}, touch=False)
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


def put_in(call: Call, component: Record, trial: Record) -> Record:
    """Put a component into a trial, unless it is there."""
    inside = parents(component)
    if in_trial(component.doc, trial.doc):
        return component
    if len(inside) >= MOST_TRIALS:
        raise ApiError(
            f"The trial component {component.name} is in {len(inside)} trials; it may be in {MOST_TRIALS}.",
            code="ResourceLimitExceeded",
            status=400,
        )
    return call.records.update(component, {"Parents": [*inside, parent(trial.doc)]}, touch=False)


def parents(component: Record) -> list[Document]:
    """Return the trials a component is in."""
    inside: list[Document] = component.doc.get("Parents", [])
    return inside


def _pair(call: Call) -> tuple[Record, Record]:
    return call.records.get(TRIAL, call.request), call.records.get(TRIAL_COMPONENT, call.request)

"""Stages of edge deployment plans: kept in order; none is ever deployed."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import none_yet
from clary.operations.registry import Call, before, completes, operation
from clary.resources.edge.edge_deployment_plan import EDGE_DEPLOYMENT_PLAN
from clary.store.record import Record

_WAITING = {
    "StageStatus": "READYTODEPLOY",
    "EdgeDeploymentSuccessInStage": 0,
    "EdgeDeploymentPendingInStage": 0,
    "EdgeDeploymentFailedInStage": 0,
}


@before("sagemaker", "CreateEdgeDeploymentPlan")
def check(call: Call) -> None:
    """Refuse two stages of one name."""
    _check_names([stage["StageName"] for stage in call.request.get("Stages", ())])


@completes("sagemaker", "CreateEdgeDeploymentPlan")
def created(call: Call) -> Document:
    """Describe the stages as they are: waiting."""
    return {"Stages": _stages(call)}


@operation("sagemaker", "CreateEdgeDeploymentStage", level="stored")
def create_stage(call: Call) -> None:
    """Add stages at the end of a plan."""
    with call.records.database.write():
        plan = call.records.get(EDGE_DEPLOYMENT_PLAN, call.request)
        stages = [*plan.doc["Stages"], *_stages(call)]
        _check_names([stage["StageName"] for stage in stages])
        call.records.update(plan, {"Stages": stages})


@operation("sagemaker", "DeleteEdgeDeploymentStage", level="stored")
def delete_stage(call: Call) -> None:
    """Take a stage out of a plan."""
    with call.records.database.write():
        plan = call.records.get(EDGE_DEPLOYMENT_PLAN, call.request)
        gone = _stage(plan, call.request["StageName"])
        call.records.update(plan, {"Stages": [stage for stage in plan.doc["Stages"] if stage != gone]})


@operation("sagemaker", "StopEdgeDeploymentStage", level="stored")
def stop_stage(call: Call) -> None:
    """Leave a stage as it is: none is under way."""
    _stage(call.records.get(EDGE_DEPLOYMENT_PLAN, call.request), call.request["StageName"])


none_yet.unbuilt("StartEdgeDeploymentStage", EDGE_DEPLOYMENT_PLAN)
none_yet.listed("ListStageDevices", EDGE_DEPLOYMENT_PLAN)


def _stages(call: Call) -> list[Document]:
    policy = {"FailureHandlingPolicy": "DO_NOTHING"}
    return [
        {"DeploymentConfig": policy, **stage, "DeploymentStatus": _WAITING}
        for stage in call.request.get("Stages", ())
    ]


def _stage(plan: Record, name: str) -> Document:
    for stage in plan.doc["Stages"]:
        if stage["StageName"] == name:
            return dict(stage)
    raise ValidationError(f"The edge deployment plan {plan.name} has no stage named {name!r}.")


def _check_names(names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"There is more than one stage named {twice[0]!r}.")

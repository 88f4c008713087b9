"""Scaling policies and scheduled actions: kept with their target; target tracking has its two alarms."""

from __future__ import annotations

import uuid

from botocore.model import ListShape

from clary.core.document import Document
from clary.core.errors import NotBuilt, ValidationError
from clary.operations.application_autoscaling import tracking
from clary.operations.application_autoscaling.records import find, page, put, remove, require_target
from clary.operations.kinds import members, project
from clary.operations.registry import Call, operation
from clary.resources.application_autoscaling.scaling_policy import SCALING_POLICY
from clary.resources.application_autoscaling.scheduled_action import SCHEDULED_ACTION
from clary.store.records import Record
from clary.wire import models

_CONFIGURATIONS = {
    "StepScaling": "StepScalingPolicyConfiguration",
    "TargetTrackingScaling": tracking.CONFIGURATION,
    "PredictiveScaling": "PredictiveScalingPolicyConfiguration",
}


@operation("application-autoscaling", "PutScalingPolicy")
def put_policy(call: Call) -> Document:
    """Keep a policy, or replace the one of that name, with its alarms."""
    require_target(call)
    kind = _kind(call)

    def made_up() -> Document:
        return _named(
            "PolicyId", "PolicyARN", call, f"policyName/{call.request['PolicyName']}", "scalingPolicy"
        )

    with call.records.database.write():
        record = put(call, SCALING_POLICY, lambda: {"PolicyType": kind, **made_up()})
        alarms = tracking.put_alarms(call, record)
        call.records.update(record, {"Alarms": alarms}, touch=False)
    return {"PolicyARN": record.doc["PolicyARN"], "Alarms": alarms}


@operation("application-autoscaling", "DescribeScalingPolicies")
def describe_policies(call: Call) -> Document:
    """Answer the policies of a namespace or a target."""
    return _answer(call, "ScalingPolicies", *page(call, SCALING_POLICY, call.request.get("PolicyNames", ())))


@operation("application-autoscaling", "DeleteScalingPolicy")
def delete_policy(call: Call) -> None:
    """Forget a policy and its alarms."""
    with call.records.database.write():
        found = find(call, SCALING_POLICY)
        remove(call, SCALING_POLICY)
        if found is not None:
            tracking.delete_alarms(call, found.doc.get("Alarms", []))


@operation("application-autoscaling", "PutScheduledAction", level="stored")
def put_action(call: Call) -> None:
    """Keep a scheduled action, or change the one of that name; refuse one that would never take place."""
    if call.request["ServiceNamespace"] == "sagemaker":
        raise ValidationError(
            "Clary does not run scheduled actions yet. Have cron, or whatever keeps your times, call "
            "RegisterScalableTarget with the MinCapacity and MaxCapacity that are to hold from then on."
        )
    require_target(call)
    name = f"scheduledActionName/{call.request['ScheduledActionName']}"
    put(
        call,
        SCHEDULED_ACTION,
        lambda: _named("ActionId", "ScheduledActionARN", call, name, "scheduledAction"),
    )


@operation("application-autoscaling", "DescribeScheduledActions", level="stored")
def describe_actions(call: Call) -> Document:
    """Answer the scheduled actions of a namespace or a target."""
    names = call.request.get("ScheduledActionNames", ())
    return _answer(call, "ScheduledActions", *page(call, SCHEDULED_ACTION, names))


@operation("application-autoscaling", "DeleteScheduledAction", level="stored")
def delete_action(call: Call) -> None:
    """Forget a scheduled action."""
    remove(call, SCHEDULED_ACTION)


@operation("application-autoscaling", "GetPredictiveScalingForecast", level="absent")
def forecast(call: Call) -> None:
    """Refuse: nothing forecasts."""
    raise NotBuilt("GetPredictiveScalingForecast")


def _kind(call: Call) -> str:
    """Return the type of the policy that is put; one that nothing would act on is refused."""
    request = call.request
    kind: str = request.get("PolicyType", "StepScaling")
    given = [name for name in _CONFIGURATIONS.values() if name in request]
    if given != [_CONFIGURATIONS[kind]]:
        raise ValidationError(
            f"A policy of type {kind} needs {_CONFIGURATIONS[kind]} and nothing else; "
            f"this one has {', '.join(given) or 'none'}."
        )
    if request["ServiceNamespace"] != "sagemaker":
        raise ValidationError(
            f"Clary scales the variants of SageMaker's endpoints only; {request['ResourceId']!r} is of the "
            f"namespace {request['ServiceNamespace']}."
        )
    if kind != "TargetTrackingScaling":
        raise ValidationError(
            f"Clary does not act on policies of type {kind} yet; use TargetTrackingScaling with "
            f"{tracking.CONFIGURATION}."
        )
    tracking.check(request[tracking.CONFIGURATION], request["ScalableDimension"])
    return kind


def _named(identity: str, member: str, call: Call, tail: str, what: str) -> Document:
    made, request = str(uuid.uuid4()), call.request
    place = f"resource/{request['ServiceNamespace']}/{request['ResourceId']}"
    return {
        identity: made,
        member: f"arn:aws:autoscaling:{call.region}:{call.account}:{what}:{made}:{place}:{tail}",
    }


def _answer(call: Call, name: str, found: list[Record], more: Document) -> Document:
    shape = models.service(call.service).operation_model(call.operation).output_shape
    element = members(shape)[name]
    told = [project(element.member, record.doc) for record in found] if isinstance(element, ListShape) else []
    return {name: told, **more}

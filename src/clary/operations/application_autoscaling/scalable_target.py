"""Scalable targets and what scaled them; what belongs to one goes with it.

Their controller is in controllers/inference/scaling_world.py.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.core.tags import retagged
from clary.operations.application_autoscaling.records import find, page, put, remove
from clary.operations.application_autoscaling.tracking import delete_alarms
from clary.operations.registry import Call, operation
from clary.resources.application_autoscaling.scalable_target import CONCURRENCY, INSTANCES, SCALABLE_TARGET
from clary.resources.application_autoscaling.scaling_policy import SCALING_POLICY
from clary.resources.application_autoscaling.scheduled_action import SCHEDULED_ACTION
from clary.resources.inference.endpoint import ENDPOINT
from clary.store.records import Filter, Record

_MOST = 50  # Activities of a page.
_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_ROLE = (
    "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
_VARIANT = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
_SHOWN = (
    "ServiceNamespace",
    "ResourceId",
    "ScalableDimension",
    "MinCapacity",
    "MaxCapacity",
    "RoleARN",
    "CreationTime",
    "SuspendedState",
    "ScalableTargetARN",
)


@operation("application-autoscaling", "RegisterScalableTarget")
def register(call: Call) -> Document:
    """Keep a target, or change the bounds of one that is there."""
    found, request = find(call, SCALABLE_TARGET), call.request
    known = found.doc if found else {}
    lowest = request.get("MinCapacity", known.get("MinCapacity"))
    highest = request.get("MaxCapacity", known.get("MaxCapacity"))
    if lowest is None or highest is None:
        missing = "MinCapacity" if lowest is None else "MaxCapacity"
        raise ValidationError(f"{missing} is needed to register a new scalable target.")
    if not 0 <= lowest <= highest:
        raise ValidationError(
            f"MinCapacity is {lowest}; it must be at least 0 and not more than MaxCapacity, {highest}."
        )
    _check_resource(call, lowest)
    before = known.get("SuspendedState", dict.fromkeys(_SUSPENDED, False))
    suspended = {**before, **request.get("SuspendedState", {})}
    kept = replace(call, request={**request, "SuspendedState": suspended})

    def made_up() -> Document:
        target = uuid.uuid4().hex
        arn = f"arn:aws:application-autoscaling:{call.region}:{call.account}:scalable-target/{target}"
        role = f"arn:aws:iam::{call.account}:{_ROLE}"
        return {
            "TargetId": target,
            "ScalableTargetARN": arn,
            "RoleARN": request.get("RoleARN", role),
        }

    record = put(kept, SCALABLE_TARGET, made_up, due=call.clock.now())
    return {"ScalableTargetARN": record.doc["ScalableTargetARN"]}


@operation("application-autoscaling", "DescribeScalableTargets")
def describe(call: Call) -> Document:
    """Answer the targets of a namespace."""
    found, more = page(call, SCALABLE_TARGET)
    return {"ScalableTargets": [{name: record.doc[name] for name in _SHOWN} for record in found], **more}


@operation("application-autoscaling", "DeregisterScalableTarget")
def deregister(call: Call) -> None:
    """Forget a target and what was to scale it."""
    with call.records.database.write():
        for resource in (SCALING_POLICY, SCHEDULED_ACTION):
            where = [Filter(name, "eq", call.request[name]) for name in SCALABLE_TARGET.key()]
            while gone := call.records.page(resource, where=where, limit=100).records:
                for record in gone:
                    call.records.delete(record)
                    delete_alarms(call, record.doc.get("Alarms", []))
        remove(call, SCALABLE_TARGET)


@operation("application-autoscaling", "DescribeScalingActivities")
def activities(call: Call) -> Document:
    """Answer what was scaled, the latest first."""
    request = call.request
    if request.get("IncludeNotScaledActivities"):
        raise ValidationError(
            "Clary keeps no activities that did not scale; leave IncludeNotScaledActivities out."
        )
    asked = [name for name in SCALABLE_TARGET.key() if name in request]
    found = [
        {**{name: target.doc[name] for name in SCALABLE_TARGET.key()}, **_shown(activity)}
        for target in call.records.each(SCALABLE_TARGET)
        if all(target.doc[name] == request[name] for name in asked)
        for activity in target.doc.get("_Activities", ())
    ]
    found.sort(key=lambda each: each["StartTime"], reverse=True)
    first, most = _after(request.get("NextToken")), min(request.get("MaxResults", _MOST), _MOST)
    answer: Document = {"ScalingActivities": found[first : first + most]}
    return {**answer, "NextToken": str(first + most)} if len(found) > first + most else answer


@operation("application-autoscaling", "TagResource", level="stored")
def tag(call: Call) -> None:
    """Add tags to a target, or replace their values."""
    with call.records.database.write():
        record = _tagged(call)
        call.records.update(record, {"Tags": retagged(record.doc.get("Tags"), call.request["Tags"])})


@operation("application-autoscaling", "UntagResource", level="stored")
def untag(call: Call) -> None:
    """Take tags off a target."""
    with call.records.database.write():
        record = _tagged(call)
        tags = retagged(record.doc.get("Tags"), gone=set(call.request["TagKeys"]))
        call.records.update(record, {"Tags": tags})


@operation("application-autoscaling", "ListTagsForResource", level="stored")
def list_tags(call: Call) -> Document:
    """Answer a target's tags."""
    return {"Tags": _tagged(call).doc.get("Tags", {})}


def _shown(activity: Document) -> Document:
    return {name: value for name, value in activity.items() if not name.startswith("_")}


def _after(token: str | None) -> int:
    """Return how many activities the pages before had."""
    if token is None:
        return 0
    if not token.isdecimal():
        raise ApiError("The NextToken is not one of ours.", code="InvalidNextTokenException", status=400)
    return int(token)


def _tagged(call: Call) -> Record:
    arn = call.request["ResourceARN"]
    found = call.records.by_arn(arn)
    if found is None or (found.kind, found.account) != (SCALABLE_TARGET.kind, call.account):
        raise ApiError(
            f"The resource {arn} does not exist.",
            code="ResourceNotFoundException",
            status=400,
            members={"ResourceName": arn},
        )
    return found


def _check_resource(call: Call, lowest: int) -> None:
    """Refuse a variant that is not there, as Application Auto Scaling does, or that has no such capacity."""
    if call.request["ServiceNamespace"] != "sagemaker":
        return
    match, dimension = _VARIANT.fullmatch(call.request["ResourceId"]), call.request["ScalableDimension"]
    if dimension not in (INSTANCES, CONCURRENCY) or match is None:
        raise ValidationError(
            f"Clary keeps targets of the form endpoint/NAME/variant/NAME with the dimension {INSTANCES} or "
            f"{CONCURRENCY}; this one is {call.request['ResourceId']!r} with {dimension!r}."
        )
    endpoint = call.records.find(ENDPOINT, match[1])
    variants = endpoint.doc.get("_Wanted", {}).get("Variants", ()) if endpoint else ()
    variant = next((each for each in variants if each["VariantName"] == match[2]), None)
    if variant is None:
        raise ValidationError(f"SageMaker has no endpoint {match[1]!r} with a variant {match[2]!r}.")
    if ("Serverless" in variant) != (dimension == CONCURRENCY):  # evidence/serverless.md
        other, has = (CONCURRENCY, "is") if "Serverless" in variant else (INSTANCES, "is not")
        raise ValidationError(f"The variant {match[2]!r} {has} serverless: its dimension is {other}.")
    if dimension == CONCURRENCY and lowest < 1:
        raise ValidationError(f"MinCapacity is {lowest}; of provisioned concurrency it must be at least 1.")

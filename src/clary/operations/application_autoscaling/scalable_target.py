"""Scalable targets: kept; what belongs to one goes with it."""

from __future__ import annotations

import re
import uuid

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.core.tags import retagged
from clary.operations.application_autoscaling.records import find, page, put, remove
from clary.operations.registry import Call, operation
from clary.resources.application_autoscaling.scalable_target import SCALABLE_TARGET
from clary.resources.application_autoscaling.scaling_policy import SCALING_POLICY
from clary.resources.application_autoscaling.scheduled_action import SCHEDULED_ACTION
from clary.resources.inference.endpoint import ENDPOINT
from clary.store.records import Filter, Record

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


@operation("application-autoscaling", "RegisterScalableTarget", level="stored")
def register(call: Call) -> Document:
    """Keep a target, or change the bounds of one that is there."""
    found, request = find(call, SCALABLE_TARGET), call.request
    known = found.doc if found else {}
    lowest = request.get("MinCapacity", known.get("MinCapacity"))
    highest = request.get("MaxCapacity", known.get("MaxCapacity"))
    if lowest is None or highest is None:
        missing = "MinCapacity" if lowest is None else "MaxCapacity"
        raise ValidationError(f"{missing} is needed to register a new scalable target.")
    if lowest > highest:
        raise ValidationError(f"MinCapacity is {lowest}; it may not be more than MaxCapacity, {highest}.")
    _check_resource(call)

    def made_up() -> Document:
        target = uuid.uuid4().hex
        arn = f"arn:aws:application-autoscaling:{call.region}:{call.account}:scalable-target/{target}"
        role = f"arn:aws:iam::{call.account}:{_ROLE}"
        return {
            "TargetId": target,
            "ScalableTargetARN": arn,
            "RoleARN": request.get("RoleARN", role),
            "SuspendedState": {**dict.fromkeys(_SUSPENDED, False), **request.get("SuspendedState", {})},
        }

    return {"ScalableTargetARN": put(call, SCALABLE_TARGET, made_up).doc["ScalableTargetARN"]}


@operation("application-autoscaling", "DescribeScalableTargets", level="stored")
def describe(call: Call) -> Document:
    """Answer the targets of a namespace."""
    found, more = page(call, SCALABLE_TARGET)
    return {"ScalableTargets": [{name: record.doc[name] for name in _SHOWN} for record in found], **more}


@operation("application-autoscaling", "DeregisterScalableTarget", level="stored")
def deregister(call: Call) -> None:
    """Forget a target and what was to scale it."""
    with call.records.database.write():
        for resource in (SCALING_POLICY, SCHEDULED_ACTION):
            where = [Filter(name, "eq", call.request[name]) for name in SCALABLE_TARGET.key()]
            while gone := call.records.page(resource, where=where, limit=100).records:
                for record in gone:
                    call.records.delete(record)
        remove(call, SCALABLE_TARGET)


@operation("application-autoscaling", "DescribeScalingActivities", level="stored")
def activities(call: Call) -> Document:
    """Answer that nothing has been scaled."""
    return {"ScalingActivities": []}


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


def _check_resource(call: Call) -> None:
    """Refuse a variant that is not there, as Application Auto Scaling does."""
    if call.request["ServiceNamespace"] != "sagemaker":
        return
    match = _VARIANT.fullmatch(call.request["ResourceId"])
    if call.request["ScalableDimension"] != "sagemaker:variant:DesiredInstanceCount" or match is None:
        raise ValidationError(
            "Clary keeps targets of the form endpoint/NAME/variant/NAME with the dimension "
            f"sagemaker:variant:DesiredInstanceCount; this one is {call.request['ResourceId']!r} with "
            f"{call.request['ScalableDimension']!r}."
        )
    endpoint = call.records.find(ENDPOINT, match[1])
    variants = endpoint.doc.get("_Wanted", {}).get("Variants", ()) if endpoint else ()
    if match[2] not in {variant["VariantName"] for variant in variants}:
        raise ValidationError(f"SageMaker has no endpoint {match[1]!r} with a variant {match[2]!r}.")

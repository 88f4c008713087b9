"""Calls about many nodes at once: each node is answered for, and none is there."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.registry import Call, operation
from clary.resources.clusters.cluster import CLUSTER
from clary.store.record import Record

_MISSING = "There is no such node: Clary keeps clusters but does not run them yet."
_CODES = {  # How each operation calls its code, and what it answers for a node that is not there.
    "BatchDeleteClusterNodes": ("Code", "NodeIdNotFound"),
    "BatchRebootClusterNodes": ("ErrorCode", "InstanceIdNotFound"),
    "BatchReplaceClusterNodes": ("ErrorCode", "InstanceIdNotFound"),
}


def refused(call: Call) -> Document:
    """Answer for every node asked about that there is none."""
    _cluster(call)
    member, code = _CODES[call.operation]
    ids, logical = call.request.get("NodeIds", []), call.request.get("NodeLogicalIds", [])
    if not ids and not logical:
        raise ValidationError("Name at least one node in NodeIds or NodeLogicalIds.")
    why = {member: code, "Message": _MISSING}
    return {
        "Successful": [],
        "Failed": [{**why, "NodeId": node} for node in ids],
        "SuccessfulNodeLogicalIds": [],
        "FailedNodeLogicalIds": [{**why, "NodeLogicalId": node} for node in logical],
    }


for _name in _CODES:
    operation("sagemaker", _name, level="stored")(refused)


@operation("sagemaker", "BatchAddClusterNodes", level="stored")
def add(call: Call) -> Document:
    """Answer for every group that it takes no nodes: it is absent, or failed like its cluster."""
    groups = _groups(_cluster(call))
    return {
        "Successful": [],
        "Failed": [
            {
                "InstanceGroupName": asked["InstanceGroupName"],
                "ErrorCode": "InvalidInstanceGroupStatus"
                if asked["InstanceGroupName"] in groups
                else "InstanceGroupNotFound",
                "FailedCount": asked["IncrementTargetCountBy"],
                "Message": "Clary keeps clusters but does not run them yet.",
            }
            for asked in call.request["NodesToAdd"]
        ],
    }


@operation("sagemaker", "StartClusterHealthCheck", level="stored")
def check_health(call: Call) -> None:
    """Refuse: a group without nodes has no health."""
    groups = _groups(_cluster(call))
    name = call.request["DeepHealthCheckConfigurations"][0]["InstanceGroupName"]
    state = "is Failed" if name in groups else "does not exist"
    raise ValidationError(f"The instance group {name!r} {state}: there is no node to check.")


def _cluster(call: Call) -> Record:
    return crud.named(of(CLUSTER), call)


def _groups(cluster: Record) -> set[str]:
    members = ("InstanceGroups", "RestrictedInstanceGroups")
    return {group["InstanceGroupName"] for member in members for group in cluster.doc.get(member, ())}

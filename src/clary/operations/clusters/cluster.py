"""Clusters: what is asked for is kept group by group; there are no nodes."""

from __future__ import annotations

from collections.abc import Iterable

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud, none_yet
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes
from clary.resources.clusters.cluster import CLUSTER

_GROUPS = ("InstanceGroups", "RestrictedInstanceGroups")


@before("sagemaker", "CreateCluster")
@before("sagemaker", "UpdateCluster")
def check(call: Call) -> None:
    """Refuse two groups of one name."""
    names = [group["InstanceGroupName"] for member in _GROUPS for group in call.request.get(member, ())]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"There is more than one instance group named {twice[0]!r}.")


@completes("sagemaker", "CreateCluster")
def created(call: Call) -> Document:
    """Describe the groups as they are: without an instance."""
    groups = {member: [_detail(group) for group in call.request.get(member, ())] for member in _GROUPS}
    return {**groups, "TrainingPlanArns": _plans(groups[member] for member in _GROUPS)}


@completes("sagemaker", "UpdateCluster")
def updated(call: Call) -> Document:
    """Add groups, replace those of the same name, and take away what InstanceGroupsToDelete names."""
    cluster = crud.named(of(CLUSTER), call)
    gone = set(call.request.get("InstanceGroupsToDelete", ()))
    groups: dict[str, list[Document]] = {}
    for member in _GROUPS:
        held = {group["InstanceGroupName"]: group for group in cluster.doc.get(member, ())}
        held |= {group["InstanceGroupName"]: _detail(group) for group in call.request.get(member, ())}
        groups[member] = [group for name, group in held.items() if name not in gone]
    return {**groups, "TrainingPlanArns": _plans(groups.values())}


for _list in ("ListClusterNodes", "ListClusterEvents", "ListClusterOperations"):
    none_yet.listed(_list, CLUSTER)
none_yet.unbuilt("UpdateClusterSoftware", CLUSTER)
_NO_NODE = "The cluster has no node {NodeId}: Clary keeps clusters but does not run them yet."
for _name in (
    "DescribeClusterNode",
    "AttachClusterNodeVolume",
    "DetachClusterNodeVolume",
    "AttachClusterNodeNetworkInterface",
):
    none_yet.absent(_name, _NO_NODE, CLUSTER)
none_yet.absent("DescribeClusterEvent", "The cluster {ClusterName} has no event {EventId}.", CLUSTER)
none_yet.absent(
    "DescribeClusterOperation", "The cluster {ClusterName} has no operation {OperationId}.", CLUSTER
)


def _detail(group: Document) -> Document:
    """Return an instance group as Describe tells of it."""
    wanted = group["InstanceCount"]
    return {**group, "CurrentCount": 0, "TargetCount": wanted, "Status": "Failed"}


def _plans(groups: Iterable[list[Document]]) -> list[str]:
    named = (
        group["TrainingPlanArn"] for members in groups for group in members if "TrainingPlanArn" in group
    )
    return list(dict.fromkeys(named))

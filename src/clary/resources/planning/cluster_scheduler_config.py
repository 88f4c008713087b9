"""Cluster scheduler configurations: which team's tasks go first on a cluster."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

CLUSTER_SCHEDULER_CONFIG = register(
    Resource(
        kind="ClusterSchedulerConfig",
        identity=("ClusterSchedulerConfigId",),
        generated={"ClusterSchedulerConfigId": "{12}"},
        arn="cluster-scheduler-config/{ClusterSchedulerConfigId}",
        status="Status",
        initial={
            **not_run("Status", "cluster scheduler configurations", failed="CreateFailed"),
            "ClusterSchedulerConfigVersion": 1,
        },
        filters={"NameContains": "Name contains"},
    )
)

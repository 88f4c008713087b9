"""HyperPod clusters."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

CLUSTER = register(
    Resource(
        kind="Cluster",
        announced="SageMaker HyperPod Cluster State Change",
        arn="cluster/{ClusterId}",
        generated={"ClusterId": "{12}"},
        status="ClusterStatus",
        initial=not_run("ClusterStatus", "clusters", why="FailureMessage"),
        shown={"TrainingPlanArns": "TrainingPlanArns", "ImageVersionStatus": "ImageVersionStatus"},
        filters={"TrainingPlanArn": "TrainingPlanArns contains"},
        orders={"NAME": "ClusterName", "CREATION_TIME": "CreationTime"},
    )
)

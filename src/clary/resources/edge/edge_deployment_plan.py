"""Edge deployment plans: which packaged models go to which devices, in stages."""

from clary.resources.registry import register
from clary.resources.spec import Resource

EDGE_DEPLOYMENT_PLAN = register(
    Resource(
        kind="EdgeDeploymentPlan",
        arn="edge-deployment/{EdgeDeploymentPlanName}",
        initial={"EdgeDeploymentSuccess": 0, "EdgeDeploymentPending": 0, "EdgeDeploymentFailed": 0},
        orders={
            "NAME": "EdgeDeploymentPlanName",
            "DEVICE_FLEET_NAME": "DeviceFleetName",
            "CREATION_TIME": "CreationTime",
            "LAST_MODIFIED_TIME": "LastModifiedTime",
        },
        within={"DeviceFleetName": "DeviceFleet"},
        conflict="ValidationException",
    )
)

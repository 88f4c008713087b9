"""Devices of a fleet. They report through `sagemaker-edge`."""

from clary.resources.registry import register
from clary.resources.spec import Resource

DEVICE = register(
    Resource(
        kind="Device",
        arn="device-fleet/{DeviceFleetName}/device/{DeviceName}",
        identity=("DeviceFleetName", "DeviceName"),
        shown={"RegistrationTime": "CreationTime"},
        filters={"LatestHeartbeatAfter": "LatestHeartbeat ge", "ModelName": "Models contains"},
        missing="ValidationException",  # evidence/device-missing.md
        missing_text="No device with name {name} was found.",
        conflict="ResourceInUse",
        level="behaves",
    )
)

"""Device fleets."""

from clary.resources.registry import register
from clary.resources.spec import Resource

DEVICE_FLEET = register(
    Resource(
        kind="DeviceFleet",
        arn="device-fleet/{DeviceFleetName}",
        orders={
            "NAME": "DeviceFleetName",
            "CREATION_TIME": "CreationTime",
            "LAST_MODIFIED_TIME": "LastModifiedTime",
        },
        holds={"Device": {"DeviceFleetName": "DeviceFleetName"}},
        missing="ValidationException",  # evidence/device-missing.md
        missing_text="No devicefleet with name {name} was found.",
        without_effect={"EnableIotRoleAlias": "there is no AWS IoT here to make an alias in"},
    )
)

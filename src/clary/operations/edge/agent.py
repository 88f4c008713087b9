"""What the agents on devices ask and tell."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.resources.edge.device import DEVICE
from clary.resources.edge.device_fleet import DEVICE_FLEET
from clary.store.record import key_of

SERVICE = "sagemaker-edge"
_CACHED = "300"  # seconds for which an agent may believe what it was told of its registration
_OF_MODEL = ("ModelName", "ModelVersion", "LatestSampleTime", "LatestInference")


@operation(SERVICE, "SendHeartbeat")
def hear(call: Call) -> None:
    """Remember when a device was heard, and what it said of itself. Its metrics are not kept."""
    request = call.request
    with call.records.database.write():
        device = call.records.get(DEVICE, request)
        models = [
            {name: model[name] for name in _OF_MODEL if name in model}
            for model in request.get("Models", ())
            if "ModelName" in model and "ModelVersion" in model
        ]
        said = {"AgentVersion": request["AgentVersion"], "Models": models}
        call.records.update(device, {**said, "LatestHeartbeat": call.clock.now()})


@operation(SERVICE, "GetDeviceRegistration")
def registration(call: Call) -> Document:
    """Say whether a device is registered."""
    found = call.records.find(DEVICE, key_of(DEVICE, call.request))
    return {"DeviceRegistration": "REGISTERED" if found else "NOT_REGISTERED", "CacheTTL": _CACHED}


@operation(SERVICE, "GetDeployments", level="stored")
def deployments(call: Call) -> Document:
    """Answer what a device should deploy: nothing, for no plan is ever started."""
    call.records.get(DEVICE_FLEET, call.request)
    call.records.get(DEVICE, call.request)
    return {"Deployments": []}

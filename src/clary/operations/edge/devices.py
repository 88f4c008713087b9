"""Devices: registered with a fleet, many at once, and reported on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud, references
from clary.operations.kinds import of
from clary.operations.registry import Call, before, operation
from clary.resources.edge.device import DEVICE
from clary.resources.edge.device_fleet import DEVICE_FLEET
from clary.store.record import Record, key_of
from clary.store.records import Filter

CONNECTED = timedelta(hours=1)  # A device that was silent for longer counts as offline.


@before("sagemaker", "CreateDeviceFleet")
@before("sagemaker", "UpdateDeviceFleet")
@before("sagemaker", "CreateEdgePackagingJob")
def check(call: Call) -> None:
    """Refuse a role that cannot be passed on."""
    if role := call.request.get("RoleArn"):
        references.role(call, role)


@operation("sagemaker", "RegisterDevices")
def register(call: Call) -> None:
    """Add devices to a fleet: all of them or, when one is there already, none."""
    with call.records.database.write():
        fleet = call.records.get(DEVICE_FLEET, call.request)
        tags = {"Tags": call.request["Tags"]} if "Tags" in call.request else {}
        for device in _distinct(call):
            doc = {**device, **tags, "DeviceFleetName": fleet.name}
            doc["DeviceArn"] = call.records.arn(DEVICE, doc)
            call.records.create(DEVICE, doc)


@operation("sagemaker", "UpdateDevices")
def update(call: Call) -> None:
    """Change what is said of devices: of all of them or, when one is missing, of none."""
    with call.records.database.write():
        fleet = call.records.get(DEVICE_FLEET, call.request)
        for device in _distinct(call):
            call.records.update(_device(call, fleet, device["DeviceName"]), device)


@operation("sagemaker", "DeregisterDevices")
def deregister(call: Call) -> None:
    """Take devices out of a fleet; a name that is not there is no mistake."""
    with call.records.database.write():
        fleet = call.records.get(DEVICE_FLEET, call.request)
        for name in dict.fromkeys(call.request["DeviceNames"]):
            asked = {"DeviceFleetName": fleet.name, "DeviceName": name}
            if device := call.records.find(DEVICE, key_of(DEVICE, asked)):
                call.records.delete(device)


@operation("sagemaker", "GetDeviceFleetReport")
def report(call: Call) -> Document:
    """Count a fleet's devices, their agents and their models."""
    fleet, now = crud.named(of(DEVICE_FLEET), call), call.clock.now()
    devices, silent = list(_devices(call, fleet)), now - CONNECTED
    heard = [device for device in devices if device.doc.get("LatestHeartbeat", silent) > silent]
    agents = Counter(device.doc["AgentVersion"] for device in devices if "AgentVersion" in device.doc)
    told: Document = {name: fleet.doc[name] for name in ("OutputConfig", "Description") if name in fleet.doc}
    return {
        "DeviceFleetArn": fleet.arn,
        "DeviceFleetName": fleet.name,
        **told,
        "ReportGenerated": now,
        "DeviceStats": {"ConnectedDeviceCount": len(heard), "RegisteredDeviceCount": len(devices)},
        "AgentVersions": [{"Version": version, "AgentCount": count} for version, count in agents.items()],
        "ModelStats": _models(devices, heard),
    }


def _models(devices: list[Record], heard: list[Record]) -> list[Document]:
    """Count, for every version of a model, the devices that have it and those of them that were heard."""
    everywhere, connected = (
        Counter(
            (model["ModelName"], model["ModelVersion"])
            for each in some
            for model in each.doc.get("Models", ())
        )
        for some in (devices, heard)
    )
    return [
        {
            "ModelName": name,
            "ModelVersion": version,
            "OfflineDeviceCount": count - connected[name, version],
            "ConnectedDeviceCount": connected[name, version],
            "ActiveDeviceCount": 0,
            "SamplingDeviceCount": 0,
        }
        for (name, version), count in everywhere.items()
    ]


def _devices(call: Call, fleet: Record) -> Iterator[Record]:
    token = None
    where = [Filter("DeviceFleetName", "eq", fleet.name)]
    while True:
        page = call.records.page(DEVICE, where=where, limit=1000, token=token)
        yield from page.records
        if (token := page.next_token) is None:
            return


def _device(call: Call, fleet: Record, name: str) -> Record:
    return call.records.get(DEVICE, {"DeviceFleetName": fleet.name, "DeviceName": name})


def _distinct(call: Call) -> list[Document]:
    devices: list[Document] = call.request["Devices"]
    names = [device["DeviceName"] for device in devices]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"Devices has more than one device named {twice[0]!r}.")
    return devices

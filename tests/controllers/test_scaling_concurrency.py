"""Provisioned concurrency of a serverless variant follows its utilization."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.controllers.test_scaling import Fleet
from tests.controllers.worlds import World

from clary.controllers.inference.scaling_world import set_off
from clary.core.document import Document
from clary.core.principal import Principal
from clary.resources.application_autoscaling.scalable_target import CONCURRENCY, SCALABLE_TARGET
from clary.resources.application_autoscaling.scaling_policy import SCALING_POLICY
from clary.store.records import Record

PLACE = {
    "ServiceNamespace": "sagemaker",
    "ScalableDimension": CONCURRENCY,
    "ResourceId": "endpoint/e/variant/v",
}


class Concurrency(Fleet):
    """The same fleet, of environments."""

    def __init__(self, world: World, count: int) -> None:
        super().__init__(world, count)
        for kind in (SCALABLE_TARGET, SCALING_POLICY):
            [record] = [*world.records.each(kind)]
            world.records.delete(record)
            made = world.records.create(kind, {**record.doc, **PLACE}, due=record.due)
            if kind is SCALABLE_TARGET:
                self.target = made

    def state(self, count: int, current: int, status: str = "InService") -> Document:
        config = {"MemorySizeInMB": 1024, "MaxConcurrency": 8, "ProvisionedConcurrency": count}
        variant = {"VariantName": "v", "Count": 0, "Serverless": config}
        return {"EndpointStatus": status, "_Wanted": {"Variants": [variant]}, "_Hosts": []}

    def call(
        self, caller: Principal, region: str, operation: str, request: Document, more: Document
    ) -> Document:
        [asked] = request["DesiredWeightsAndCapacities"]
        self.asked.append(asked["ServerlessUpdateConfig"]["ProvisionedConcurrency"])
        return {}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def test_concurrency_grows_in_proportion_and_the_endpoint_s_status_ends_it(world: World) -> None:
    fleet = Concurrency(world, 2)
    fleet.alarm("High", 15.0)
    [activity] = fleet.tend()
    assert (activity["StatusCode"], fleet.asked) == ("InProgress", [3])
    assert activity["Description"] == "Setting desired provisioned concurrency to 3."
    fleet.be(3, 0, "Updating")
    assert fleet.tend()[0]["StatusCode"] == "InProgress"
    fleet.be(3, 0)
    assert fleet.tend()[0]["StatusCode"] == "Successful"


def test_its_alarms_know_its_policy(world: World) -> None:
    Concurrency(world, 1)

    def unknown(alarm: Record, action: str, pending: Document) -> str | None:
        raise AssertionError(action)

    deliver = set_off(world.means, unknown)
    arn = "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1"
    [target] = world.records.each(SCALABLE_TARGET)
    nothing: dict[str, Any] = {}
    place = "resource/sagemaker/endpoint/e/variant/v:policyName"
    assert deliver(target, f"{arn}:{place}/p", nothing) is None
    assert deliver(target, f"{arn}:{place}/q", nothing) is not None

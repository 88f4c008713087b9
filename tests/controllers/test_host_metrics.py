"""What hosts use is in CloudWatch while they run, each sample once, whoever is killed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.controllers.worlds import ACCOUNT, NOON, REGION, World
from tests.store.opened import job

from clary.controllers.host_metrics import HostMetrics
from clary.engines.cloudwatch.series import Look

SPACE = "/aws/sagemaker/TrainingJobs"
T0 = int(NOON.timestamp())
HOST = (("Host", "j/algo-1"),)


def sample(second: int, cpu: float) -> bytes:
    told = {"time": (T0 + second) * 1000 + 7, "cpu": cpu, "memory": 50.0, "disk": 10.5}
    return json.dumps(told).encode() + b"\n"


def seen(world: World, name: str) -> list[tuple[str, list[float]]]:
    look = Look(SPACE, name, HOST, 60, T0, T0 + 3600)
    found = world.means.metrics.look(ACCOUNT, REGION, look)
    return [(unit, list(columns.values)) for unit, columns in found]


def test_samples_are_kept_as_they_come_and_once(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    record = job(world.records, "j")
    world.runtime.used["u-1"] = sample(1, 150.0)
    hosts = HostMetrics(world.means)
    for _ in range(2):
        hosts.take(record, "u-1", SPACE, HOST, ended=False)
    world.runtime.used["u-1"] += sample(11, 90.0)
    HostMetrics(world.means).take(record, "u-1", SPACE, HOST, ended=False)  # the one before was killed
    assert seen(world, "CPUUtilization") == [("Percent", [150.0, 90.0])]
    for _ in range(2):
        HostMetrics(world.means).take(record, "u-1", SPACE, HOST, ended=True)
    assert seen(world, "CPUUtilization") == [("Percent", [150.0, 90.0])]
    assert seen(world, "MemoryUtilization") == [("Percent", [50.0, 50.0])]
    assert seen(world, "DiskUtilization") == [("Percent", [10.5, 10.5])]

"""Training on several hosts as the SDK asks for it, with the launcher that the SDK ships."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import CLIENTS, DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Environment = Callable[[Path], Path]


@pytest.mark.parametrize(
    ("lock", "script"), [(DEMO_LOCK, "v2_several_hosts.py"), (CLIENTS / "v3.txt", "v3_several_hosts.py")]
)
def test_both_sdks_train_with_torchrun_on_two_hosts_as_on_one(
    clary: Clary, environment: Environment, lock: Path, script: str
) -> None:
    python = environment(lock) / "python"
    told = clary.run(str(python), str(SCRIPTS / script)).stdout
    lines, losses = logs(clary, told), {}
    for count, streams in lines.items():
        assert len(streams) == int(count)
        losses[count] = re.findall(rf"world={count} rank=0 epoch=\d loss=([\d.]+)", streams[0])
    assert len(losses["1"]) == 5
    assert [float(each) for each in losses["2"]] == pytest.approx(
        [float(each) for each in losses["1"]], abs=2e-4
    )


@pytest.mark.mpi
def test_sdk_2_trains_under_mpi_in_four_processes_on_two_hosts_as_in_one(
    clary: Clary, environment: Environment
) -> None:
    python = environment(DEMO_LOCK) / "python"
    lines = logs(clary, clary.run(str(python), str(SCRIPTS / "v2_mpi.py")).stdout)
    assert "algo-2 waits for what algo-1 starts here." in lines["2"][1]
    losses = [
        [float(each) for each in re.findall(rf"world={world} rank=0 epoch=\d loss=([\d.]+)", said)]
        for world, said in ((1, lines["1"][0]), (4, lines["2"][0]))
    ]
    assert len(losses[0]) == 5
    assert losses[1] == pytest.approx(losses[0], abs=2e-4)


def logs(clary: Clary, told: str) -> dict[str, list[str]]:
    """Return what each host of each job printed, by the number that the script gave the job."""
    client, group = clary.client("logs"), "/aws/sagemaker/TrainingJobs"
    found: dict[str, list[str]] = {}
    for count, job in re.findall(r"^JOB (\d) (\S+)$", told, re.M):
        streams = client.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
        found[count] = []
        for stream in streams:
            events = client.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
            found[count].append("\n".join(event["message"] for event in events))
    return found

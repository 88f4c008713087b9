"""Training on several hosts as the SDK asks for it, with the launcher that the SDK ships."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import CLIENTS, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Environment = Callable[[Path], Path]


def test_sdk_3_trains_with_torchrun_on_two_hosts_as_on_one(clary: Clary, environment: Environment) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    told = clary.run(str(python), str(SCRIPTS / "v3_several_hosts.py")).stdout
    logs, losses = clary.client("logs"), {}
    for count, job in re.findall(r"^JOB (\d) (\S+)$", told, re.M):
        group = "/aws/sagemaker/TrainingJobs"
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
        assert len(streams) == int(count)
        events = logs.get_log_events(
            logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True
        )["events"]
        lines = "\n".join(event["message"] for event in events)
        losses[count] = re.findall(rf"world={count} rank=0 epoch=\d loss=([\d.]+)", lines)
    assert len(losses["1"]) == 5
    assert [float(each) for each in losses["2"]] == pytest.approx(
        [float(each) for each in losses["1"]], abs=2e-4
    )

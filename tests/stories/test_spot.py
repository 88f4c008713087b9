"""Managed spot training as both SDKs ask for it; capacity is taken back in the middle of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import CLIENTS, DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BUCKET = "sagemaker-us-east-1-000000000000"
Environment = Callable[[Path], Path]


def test_sdk_2_goes_on_from_its_checkpoint_when_capacity_was_taken_back(
    clary: Clary, environment: Environment
) -> None:
    python, name = environment(DEMO_LOCK) / "python", "story-spot"
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(clary.run, str(python), str(SCRIPTS / "v2_spot.py"), name)
        until(lambda: kept(clary, f"stories/spot/{name}/last.pt") or running.done(), "a checkpoint is in S3")
        said = clary.command("chaos", "spot").stdout
        told = running.result().stdout
    assert name in said, said + told
    job = clary.client("sagemaker").describe_training_job(TrainingJobName=name)
    statuses = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert statuses.count("Interrupted") == 1
    assert statuses[-1] == "Completed"
    assert job["BillableTimeInSeconds"] <= job["TrainingTimeInSeconds"]
    assert re.search(r"^SAVED \d+% of \d+ seconds$", told, re.M), told
    resumed = re.search(r"resumed at epoch (\d+)$", told, re.M)
    assert resumed, told
    assert 0 < int(resumed[1]) < 60
    assert "epoch=59" in told


def test_sdk_2_continues_the_built_in_xgboost_from_its_own_checkpoints(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(SCRIPTS / "v2_spot_xgboost.py"), str(table)).stdout
    first, second = told.split("ROUNDS 15")
    assert [int(each) for each in re.findall(r"\[(\d+)\]#?.*train-logloss", first)] == list(range(10))
    assert [int(each) for each in re.findall(r"\[(\d+)\]#?.*train-logloss", second)] == list(range(10, 15))
    found = re.search(r"^CHECKPOINTS (\d+)$", told, re.M)
    assert found and int(found[1]) > 0


def test_sdk_3_trains_on_spot_capacity_with_checkpoints_and_on_a_warm_pool(
    clary: Clary, environment: Environment
) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    told = clary.run(str(python), str(SCRIPTS / "v3_spot_and_pools.py")).stdout
    found = re.search(r"^SPOT (\S+) (\d+) (\d+)$", told, re.M)
    assert found, told
    assert int(found[2]) <= int(found[3])
    job = clary.client("sagemaker").describe_training_job(TrainingJobName=found[1])
    assert job["EnableManagedSpotTraining"] is True
    assert job["RetryStrategy"] == {"MaximumRetryAttempts": 2}
    assert kept(clary, "stories/v3/checkpoints/last.pt")
    assert kept(clary, f"stories/v3/board/{found[1]}/tensorboard-output/events.json")
    assert re.findall(r"^POOL (.*)$", told, re.M) == ["Reused by True", "Available by False"]
    assert re.search(r"^PERIOD 1$", told, re.M), told


def kept(clary: Clary, key: str) -> bool:
    """Say whether an object is there."""
    return bool(clary.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents"))


def until(look: Callable[[], Any], what: str) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + 300
    while not look():
        assert time.monotonic() < deadline, f"{what}: not in five minutes"
        time.sleep(0.1)

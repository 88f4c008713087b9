"""Managed warm pools as SDK 2.x asks for them (`test_spot.py` has those of 3.x)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_sdk_2_trains_twice_on_one_pool_and_ends_it(
    clary: Clary, environment: Callable[[Path], Path], table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(SCRIPTS / "v2_warm_pool.py"), str(table)).stdout
    pools = [line.split() for line in re.findall(r"^POOL (.*)$", told, re.M)]
    assert [pool[:3] for pool in pools] == [
        ["pool-first", "Available", "-"],
        ["pool-first", "Reused", "pool-second"],
        ["pool-second", "Available", "-"],
    ]
    assert re.search(r"^AVAILABLE pool-second$", told, re.M), told
    sagemaker = clary.client("sagemaker")
    jobs = [sagemaker.describe_training_job(TrainingJobName=name) for name in ("pool-first", "pool-second")]
    # The first pool was billed while nothing ran on it. Of its waiting worker: tests/runtime/test_warm.py
    assert jobs[0]["WarmPoolStatus"]["ResourceRetainedBillableTimeInSeconds"] >= 0
    assert jobs[1]["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 0

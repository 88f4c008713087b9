"""The model registry through the SDK: what is registered and approved is what answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import DEMO_LOCK, ROOT, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ARN = "arn:aws:sagemaker:us-east-1:000000000000:model-package/registry-example"


def test_a_registered_model_is_approved_deployed_and_predicts(
    clary: Clary, environment: Callable[[Path], Path], table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(ROOT / "examples" / "registry_v2.py"), str(table)).stdout
    assert f"registered {ARN}/1 {ARN}/2" in told
    line = re.search(r"package predicts \[(.*)\]$", told, re.M)
    assert line, told
    scores = [float(number) for number in re.findall(r"\d+\.\d+(?:e-?\d+)?|\d+", line[1])]
    assert len(scores) == 5
    assert all(0 <= score <= 1 for score in scores)
    assert "now Rejected it drifts" in told
    sagemaker = clary.client("sagemaker")
    assert sagemaker.describe_model_package(ModelPackageName=f"{ARN}/2")["ModelApprovalStatus"] == (
        "PendingManualApproval"
    )
    assert sagemaker.list_endpoints()["Endpoints"] == []

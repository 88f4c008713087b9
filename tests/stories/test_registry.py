"""The model registry through the SDK: what is registered and approved is what answers."""

from __future__ import annotations

import json
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
    version = sagemaker.describe_model_package(ModelPackageName=f"{ARN}/2")
    assert version["ModelApprovalStatus"] == "PendingManualApproval"
    for held in (version["ModelMetrics"], version["DriftCheckBaselines"]):
        assert held["ModelQuality"]["Statistics"]["S3Uri"].endswith("/auc.json")
    assert version["ModelLifeCycle"] == {"Stage": "Staging", "StageStatus": "PendingApproval"}
    assert version["CustomerMetadataProperties"] == {"ticket": "8"}
    assert [each["Name"] for each in version["AdditionalInferenceSpecifications"]] == ["bare"]
    assert version["SourceUri"] == "git://churn@main"
    card = json.loads(version["ModelCard"]["ModelCardContent"])
    assert card["intended_uses"]["risk_rating"] == "Low"
    details = card["training_details"]["training_job_details"]
    assert {"name": "num_round", "value": "5"} in details["hyper_parameters"]
    assert details["training_datasets"][0].endswith("/examples/registry/train.csv")
    assert sagemaker.list_endpoints()["Endpoints"] == []

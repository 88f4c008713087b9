"""An algorithm resource as SDK 2.x uses it: AlgorithmEstimator fits, deploys and is tuned."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import DEMO_LOCK, ROOT, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_sdk_2_trains_deploys_and_tunes_by_an_algorithm_resource(
    clary: Clary, environment: Callable[[Path], Path], table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    script = ROOT / "examples" / "sdk_v2_algorithm_resource.py"
    told = clary.run(str(python), str(script), str(table)).stdout
    found = dict(re.findall(r"(PREDICTS|BEST) (.*)$", told, re.M))
    scores = [float(score) for score in found["PREDICTS"].split(",")]
    assert len(scores) == 3
    assert all(0 <= score <= 1 for score in scores)
    sagemaker = clary.client("sagemaker")
    best = sagemaker.describe_training_job(TrainingJobName=found["BEST"])
    assert best["AlgorithmSpecification"]["AlgorithmName"].endswith("phishing-trees")
    assert best["HyperParameters"]["max_depth"].strip('"') == "4"
    [metric] = best["FinalMetricDataList"]
    assert metric["MetricName"] == "validation:logloss"
    assert 0 < metric["Value"] < 0.7

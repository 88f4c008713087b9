"""Automatic model tuning as SDK 2.x asks for it: HyperparameterTuner, its analytics, warm start, attach."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import DEMO_LOCK, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_sdk_2_tunes_reads_the_frame_and_starts_warm(
    clary: Clary, environment: Callable[[Path], Path], table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(Path(__file__).parent / "tuner.py"), str(table)).stdout
    found = dict(re.findall(r"^(COLUMNS|SCORES|BEST|ESTIMATOR|ATTACHED) (.*)$", told, re.M))
    assert {"eta", "max_depth", "booster", "FinalObjectiveValue", "TrainingJobName"} <= set(
        json.loads(found["COLUMNS"])
    )
    scores = json.loads(found["SCORES"])
    assert len(scores) == 4
    assert all(0 < score < 0.7 for score in scores)
    sagemaker = clary.client("sagemaker")
    job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="story-tuner")
    best = job["BestTrainingJob"]
    assert found["BEST"] == best["TrainingJobName"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(scores[0], abs=1e-5)
    assert found["ESTIMATOR"].endswith(f"{best['TrainingJobName']}/output/model.tar.gz")
    assert found["ATTACHED"] == "validation:logloss"
    child = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="story-tuner-child")
    assert child["HyperParameterTuningJobStatus"] == "Completed"
    assert "OverallBestTrainingJob" in child
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="story-tuner-child")

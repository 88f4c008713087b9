"""Automatic model tuning as the SDKs ask for it: analytics, the best model, warm starts, strategies, ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import CLIENTS, DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Environment = Callable[[Path], Path]


def test_sdk_2_tunes_reads_the_frame_deploys_and_starts_warm(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(SCRIPTS / "v2_tuner.py"), str(table)).stdout
    found = dict(re.findall(r"(?:^|!)([A-Z]+) (.*)$", told, re.M))  # deploy() ends its dots with !
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
    predicted = [float(score) for score in found["PREDICTS"].split(",")]
    assert len(predicted) == 3
    assert all(0 <= score <= 1 for score in predicted)
    assert found["ATTACHED"] == "validation:logloss"
    assert found["SUMMARIES"] == "4"
    for name, kind, parents in (
        ("story-tuner-child", "IdenticalDataAndAlgorithm", ["story-tuner"]),
        ("story-tuner-same", "IdenticalDataAndAlgorithm", ["story-tuner", "story-tuner-child"]),
        ("story-tuner-other", "TransferLearning", ["story-tuner"]),
    ):
        child = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        assert child["HyperParameterTuningJobStatus"] == "Completed"
        assert ("OverallBestTrainingJob" in child) == (kind == "IdenticalDataAndAlgorithm")
        start = child["WarmStartConfig"]
        assert start["WarmStartType"] == kind
        listed = [each["HyperParameterTuningJobName"] for each in start["ParentHyperParameterTuningJobs"]]
        assert sorted(listed) == parents


def test_sdk_2_tunes_by_every_strategy_and_ends_in_every_way(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(SCRIPTS / "v2_tuner_strategies.py"), str(table)).stdout
    found = {
        part: (status, int(count))
        for part, status, count in re.findall(r"^TUNED (\S+) (\S+) (\d+)$", told, re.M)
    }
    assert found.pop("stop")[0] == "Stopped"
    status, jobs = found.pop("criteria")
    assert (status, jobs < 20) == ("Completed", True)
    assert found == {
        "hyperband": ("Completed", 4),
        "early": ("Completed", 4),
        "grid": ("Completed", 4),
        "autotune": ("Completed", 3),
        "instances": ("Completed", 4),
        "several": ("Completed", 4),
    }
    assert re.search(r"^DEFINITIONS deep wide BEST gb(tree|linear)$", told, re.M), told


def test_sdk_3_tunes_an_algorithm_and_a_script_starts_warm_and_stops(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    told = clary.run(str(python), str(SCRIPTS / "v3_tuner.py"), str(table)).stdout
    found = dict(re.findall(r"^([A-Z]+) (.*)$", told, re.M))
    scores = json.loads(found["SCORES"])
    assert len(scores) == 4
    assert all(0 < score < 0.7 for score in scores)
    sagemaker = clary.client("sagemaker")
    jobs = {
        name: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        for name in ("v3-tuner", "v3-tuner-child", "v3-tuner-script")
    }
    assert found["BEST"] == jobs["v3-tuner"]["BestTrainingJob"]["TrainingJobName"]
    assert found["OVERALL"] == jobs["v3-tuner-child"]["OverallBestTrainingJob"]["TrainingJobName"]
    assert found["SCRIPT"] == jobs["v3-tuner-script"]["BestTrainingJob"]["TrainingJobName"]
    assert found["STOPPED"] == "Stopped"

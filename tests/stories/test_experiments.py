"""Experiment runs and lineage as SDK 2.x logs, loads, analyses and draws them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import CLIENTS, DEMO_LOCK, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_sdk_2_logs_runs_trains_in_one_and_finds_what_led_to_the_model(
    clary: Clary, environment: Callable[[Path], Path], table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    program = Path(__file__).parent / "experiment_runs.py"
    told = clary.run(str(python), str(program), str(table)).stdout

    def printed(word: str) -> Any:
        line = re.search(rf"^{word} (.*)$", told, re.M)
        assert line, told
        return json.loads(line[1])

    runs = {each["TrialComponentName"]: each for each in printed("RUNS")}
    assert set(runs) == {"story-first", "story-second", "Story-Job-aws-training-job"}
    assert [runs[f"story-{name}"]["rate"] for name in ("first", "second")] == [0.1, 0.3]
    assert [runs[f"story-{name}"]["loss - Count"] for name in ("first", "second")] == [30, 30]
    data, found = printed("DATASETS")
    assert found == [data]
    rows = {(row["Direction"], row["Type"], row["Association Type"]) for row in printed("TABLE")}
    assert {("Input", "DataSet", "ContributedTo"), ("Output", "Model", "Produced")} <= rows
    second = clary.client("sagemaker").describe_trial_component(TrialComponentName="story-second")
    assert [each["SourceType"] for each in second["Sources"]] == ["SageMakerTrainingJob"]
    assert second["Status"]["PrimaryStatus"] == "Completed"
    assert second["OutputArtifacts"]["copy"]["MediaType"] == "text/csv"


def test_sdk_3_logs_a_run_and_queries_lineage(
    clary: Clary, environment: Callable[[Path], Path], table: Path
) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    program = Path(__file__).parent / "experiment_runs_v3.py"
    told = clary.run(str(python), str(program), str(table)).stdout
    line = re.search(r"^RUN (.*)$", told, re.M)
    assert line, told
    name, parameters, outputs, metrics = json.loads(line[1])
    assert name == "story-v3-only"
    assert parameters == {
        "rate": {"NumberValue": 0.1},
        "net": {"StringValue": "small"},
        "again": {"NumberValue": 1.0},
    }
    assert (outputs, metrics) == (["copy"], {"loss": 30})
    line = re.search(r"^CURVES (.*)$", told, re.M)
    assert line, told
    into, out, runs = json.loads(line[1])
    assert (into, runs) == (["ROCCurve"], ["only"])
    assert out == ["ConfusionMatrix", "PrecisionRecallCurve"]
    line = re.search(r"^LINEAGE (.*)$", told, re.M)
    assert line, told
    kinds, edges = json.loads(line[1])  # the curve that went in is among what led to the model
    assert (sorted(kinds), edges) == (["Artifact", "Artifact", "Artifact", "TrialComponent"], 3)

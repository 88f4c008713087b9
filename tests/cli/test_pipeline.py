"""`clary pipeline` as a user types it: the steps of an execution, and why each stands as it does."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.cli.test_account import clary

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
PATIENCE = 90


def fails(name: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": f"{name} was\nreached"}}


def decides(name: str, then: list[dict[str, Any]], other: list[dict[str, Any]]) -> dict[str, Any]:
    holds = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": [holds], "IfSteps": then, "ElseSteps": other},
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a server where one pipeline was executed and another was not."""
    home = tmp_path_factory.mktemp("user") / "clary"
    up = clary(home, "up", "--detach", "--port", "0")
    assert up.returncode == 0, up.stderr
    try:
        told = json.loads((home / "run" / "server.json").read_text())
        keys = json.loads((home / "keys" / "administrator.json").read_text())
        execute(
            boto3.client(
                "sagemaker",
                endpoint_url=f"http://127.0.0.1:{told['port']}",
                region_name=told["region"],
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
            )
        )
        yield home
    finally:
        assert clary(home, "down", "--yes").returncode == 0


def execute(sagemaker: Any) -> None:
    steps = [decides("Outer", [decides("Inner", [fails("Then")], [])], [fails("Else")]), fails("Other")]
    steps[1]["DependsOn"] = ["Then"]
    definition = json.dumps({"Version": "2020-12-01", "Steps": steps})
    for name in ("Told", "Idle"):
        sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition)
    arn = sagemaker.start_pipeline_execution(PipelineName="Told")["PipelineExecutionArn"]
    until = time.monotonic() + PATIENCE
    status = "Executing"
    while status == "Executing" and time.monotonic() < until:
        told = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        status = told["PipelineExecutionStatus"]
    assert status == "Failed"


def test_each_step_says_how_it_stands_and_why(home: Path) -> None:
    done = clary(home, "pipeline", "Told")
    assert done.returncode == 0, done.stderr
    first, *steps = re.sub(r"\d+\.\d s", "N s", done.stdout).splitlines()
    assert re.fullmatch(r"Told [a-z0-9]{12} Failed  20\d\d-\S+ \S+  by \S*administrator", first), first
    assert steps[:7] == [
        "├── Outer  Condition  Succeeded  N s  True",
        "│   ├── Inner  Condition  Succeeded  N s  True",
        "│   │   └── Then  Fail  Failed  N s",
        "│   │           Then was",
        "│   │           reached",
        "│   └── Else  Fail  did not begin",
        "└── Other  Fail  did not begin",
    ]
    assert steps[7].startswith("Step failure: ")


def test_json_has_the_same_for_programs(home: Path) -> None:
    told = json.loads(clary(home, "pipeline", "Told", "--json").stdout)
    again = json.loads(clary(home, "pipeline", told["PipelineExecutionArn"], "--json").stdout)
    assert again == told
    outer, other = told["Steps"]
    (then,) = outer["IfSteps"][0]["IfSteps"]
    assert (then["StepStatus"], then["Why"]) == ("Failed", "Then was\nreached")
    assert other == {"StepName": "Other", "Type": "Fail"}


def test_what_is_not_there_is_said(home: Path) -> None:
    done = clary(home, "pipeline", "Idle")
    assert (done.returncode, "Idle has not been executed" in done.stderr) == (1, True)
    done = clary(home, "pipeline", "Absent")
    assert done.returncode == 1
    assert "pipeline/absent' does not exist" in done.stderr
    assert "Traceback" not in done.stderr

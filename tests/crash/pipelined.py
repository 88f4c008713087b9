"""A site with an image that trains at once, and pipelines on it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from tests.crash.site import Site
from tests.operations.pipelines import written
from tests.operations.pipelines.written import ROLE

IMAGE = """
name = "quick"
repositories = ["quick"]
[programs]
train = ["python", "/opt/image/train.py"]
"""
# Ends at once, unless it is told to fail, or to wait at the gate.
TRAIN = """
import json, os, pathlib, sys, time
ml = pathlib.Path("/opt/ml")
given = json.loads((ml / "input/config/hyperparameters.json").read_text())
while os.environ.get("HELD") and not (ml / "go").exists():
    time.sleep(0.01)
if given.get("fails"):
    raise ValueError("told to fail")
print("loss=" + str(given.get("loss", "0.5")) + ";", flush=True)
(ml / "model/x").write_text("trained")
"""
ENDED = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")


class Pipelined:
    """Creates pipelines at a site, executes them and waits for the end."""

    def __init__(self, site: Site) -> None:
        self.site = site
        folder = site.home / "images" / "quick"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"image.toml": IMAGE, "train.py": TRAIN}.items():
            (folder / name).write_text(text)
        site.up()
        self.sagemaker = site.client("sagemaker")

    def start(self, name: str, *steps: dict[str, Any], parameters: Any = (), **more: Any) -> str:
        """Create a pipeline of these steps and start it; return the execution's ARN."""
        definition = {"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)}
        self.sagemaker.create_pipeline(
            PipelineName=name, RoleArn=ROLE, PipelineDefinition=json.dumps(definition)
        )
        arn: str = self.sagemaker.start_pipeline_execution(PipelineName=name, **more)["PipelineExecutionArn"]
        return arn

    def described(self, arn: str) -> dict[str, Any]:
        """Return what Describe says of an execution."""
        told: dict[str, Any] = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return told

    def ended(self, arn: str) -> dict[str, Any]:
        """Wait for the end of an execution, and return what Describe says then."""

        def look() -> dict[str, Any] | None:
            told = self.described(arn)
            return told if told["PipelineExecutionStatus"] in ENDED else None

        return self.site.until(look, f"{arn} ends")

    def steps(self, arn: str, **asked: Any) -> dict[str, dict[str, Any]]:
        """Return the steps of an execution by name."""
        pages = self.sagemaker.get_paginator("list_pipeline_execution_steps")
        found = pages.paginate(PipelineExecutionArn=arn, **asked)
        return {step["StepName"]: step for page in found for step in page["PipelineExecutionSteps"]}

    def step(self, arn: str, name: str, status: str) -> dict[str, Any]:
        """Wait until a step has a status, and return it."""

        def look() -> dict[str, Any] | None:
            step = self.steps(arn).get(name)
            return step if step and step["StepStatus"] == status else None

        return self.site.until(look, f"{name} of {arn} is {status}")


training = partial(written.training, image="quick")
model = partial(written.model, image="quick")
condition, fail = written.condition, written.fail

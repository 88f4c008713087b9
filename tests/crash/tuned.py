"""A site with an image whose objective is a known function of its hyperparameters, and tuning jobs on it."""

from __future__ import annotations

from typing import Any

from tests.crash.site import Site

IMAGE = """
name = "tuned"
repositories = ["tuned"]
[programs]
train = ["python", "/opt/image/train.py"]
"""
# Prints one objective an epoch: it nears `goal` from above; `HELD` programs wait at each epoch's gate. Past
# `waits` epochs, or `far` of them where x is 50 or more, a program waits to be stopped.
TRAIN = """
import json, os, pathlib, sys, time
ml = pathlib.Path("/opt/ml")
given = json.loads((ml / "input/config/hyperparameters.json").read_text())
if given.get("fails"):
    sys.exit(3)
x = float(given.get("x", 0))
goal = (x - 3) ** 2 + {"a": 0, "b": 1, "c": 2}[given.get("letter", "a")]
for epoch in range(1, int(given.get("epochs", 1)) + 1):
    while os.environ.get("HELD") and not (ml / "go").exists():
        time.sleep(0.01)
    print(f"epoch {epoch} loss={goal + 1 / epoch:.6f};", flush=True)
    while epoch == int(given.get("far" if x >= 50 else "waits", 0)):
        time.sleep(0.05)
print(f"loss={goal:.6f};", flush=True)
(ml / "model/x").write_text(str(x))
"""
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
ENDED = ("Completed", "Failed", "Stopped")


class Tuned:
    """Creates tuning jobs at a site and waits for them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        folder = site.home / "images" / "tuned"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"image.toml": IMAGE, "train.py": TRAIN}.items():
            (folder / name).write_text(text)
        site.up()
        self.sagemaker = site.client("sagemaker")
        s3 = site.client("s3")
        s3.create_bucket(Bucket="tuned")

    def create(
        self,
        name: str,
        *,
        ranges: dict[str, Any] | None = None,
        static: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        jobs: int = 4,
        parallel: int = 2,
        strategy: str = "Random",
        limits: dict[str, int] | None = None,
        config: dict[str, Any] | None = None,
        **more: Any,
    ) -> str:
        """Create a tuning job over x from 0 to 10, and return its ARN."""
        continuous = [{"Name": "x", "MinValue": "0", "MaxValue": "10"}]
        arn: str = self.sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={
                "Strategy": strategy,
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
                "ResourceLimits": {
                    "MaxNumberOfTrainingJobs": jobs,
                    "MaxParallelTrainingJobs": parallel,
                    **(limits or {}),
                },
                "ParameterRanges": ranges or {"ContinuousParameterRanges": continuous},
                **(config or {}),
            },
            TrainingJobDefinition=self.definition(static, environment),
            **more,
        )["HyperParameterTuningJobArn"]
        return arn

    def definition(
        self, static: dict[str, str] | None = None, environment: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Return a training job definition."""
        return {
            "StaticHyperParameters": static or {},
            "AlgorithmSpecification": {
                "TrainingImage": "tuned",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://tuned/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "Environment": environment or {},
        }

    def described(self, name: str) -> dict[str, Any]:
        """Return what Describe says."""
        told: dict[str, Any] = self.sagemaker.describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name
        )
        return told

    def ended(self, name: str) -> dict[str, Any]:
        """Wait for the end, and return what Describe says then."""

        def look() -> dict[str, Any] | None:
            told = self.described(name)
            return told if told["HyperParameterTuningJobStatus"] in ENDED else None

        return self.site.until(look, f"{name} ends")

    def trials(self, name: str, **asked: Any) -> list[dict[str, Any]]:
        """Return the summaries of the trials."""
        pages = self.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
        asked = {"HyperParameterTuningJobName": name, **asked}
        return [each for page in pages.paginate(**asked) for each in page["TrainingJobSummaries"]]

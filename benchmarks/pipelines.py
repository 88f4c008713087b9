"""What a pipeline adds to its steps: a chain of no-op steps, many side by side, and a chain that is cached.

A no-op job is a container that runs `true`. What a chain of them takes beyond the jobs' own lives, from
CreateTrainingJob to Completed, is the pipeline's. Side by side, the ideal is the same jobs queued by hand.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from benchmarks.harness import BUCKET, ROLE, Clary, Figure, finish, server, wait_for

CHAIN, CACHED = 40, 20
PARALLEL = int(os.environ.get("BENCH_PARALLEL_STEPS", "500"))
IMAGE = 'name = "noop"\nrepositories = ["noop"]\n[programs]\ntrain = ["true"]\n'
LOOKS = 0.02  # seconds between looks: these cost what is measured
CACHE = {"Enabled": True}


def run() -> list[Figure]:
    """Measure chains and fans."""
    with server() as clary:
        folder = clary.home / "images" / "noop"
        folder.mkdir(parents=True)
        (folder / "image.toml").write_text(IMAGE)
        jobs = clary.client("sagemaker")
        jobs.create_training_job(TrainingJobName="first", **job())
        finish(clary, "first")
        asked = seconds(clary, "asked", [_ask(n) for n in range(CHAIN)])
        many = seconds(clary, "many", [{**_ask(n), "DependsOn": []} for n in range(PARALLEL)])
        chained = seconds(clary, "chained", [step(n) for n in range(CHAIN)])
        alone = lives(clary, "chained")
        cached = [{**step(n), "CacheConfig": CACHE} for n in range(CACHED)]
        seconds(clary, "cached", cached)
        hit = seconds(clary, "cached", None)
        queued = _queued(clary)
        fan = seconds(clary, "fan", [{**step(n), "DependsOn": []} for n in range(PARALLEL)])
    beyond = (chained - alone) / CHAIN * 1000
    by_hand = f"{PARALLEL} jobs queued by hand: {queued:.1f} s"
    own = f"the jobs' own lives: {alone / CHAIN * 1000:.0f} ms"
    return [
        Figure(name=f"chain of {CHAIN} conditions, a step", value=asked / CHAIN * 1000, unit="ms", target=50),
        Figure(name=f"{PARALLEL} conditions side by side, a step", value=many / PARALLEL * 1000, unit="ms"),
        Figure(
            name=f"chain of {CHAIN} no-op jobs, a step beyond them",
            value=beyond,
            unit="ms",
            target=50,
            floor=own,
        ),
        Figure(name=f"{CACHED} cached steps", value=hit, unit="s", target=1),
        Figure(
            name=f"{PARALLEL} no-op jobs side by side, of ideal",
            value=fan / queued,
            unit="x",
            target=1.2,
            floor=by_hand,
        ),
    ]


def job() -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {"TrainingImage": "noop", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/bench/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def step(number: int) -> dict[str, Any]:
    return {"Name": f"Step{number}", "Type": "Training", "Arguments": job(), "DependsOn": _before(number)}


def _ask(number: int) -> dict[str, Any]:
    holds = {"Type": "Equals", "LeftValue": number, "RightValue": number}
    arguments = {"Conditions": [holds], "IfSteps": [], "ElseSteps": []}
    return {
        "Name": f"Step{number}",
        "Type": "Condition",
        "Arguments": arguments,
        "DependsOn": _before(number),
    }


def _before(number: int) -> list[str]:
    return [f"Step{number - 1}"] if number else []


def seconds(clary: Clary, name: str, steps: list[dict[str, Any]] | None) -> float:
    """Return how long an execution of a pipeline takes, a new one where steps are given."""
    sagemaker = clary.client("sagemaker")
    if steps is not None:
        text = json.dumps({"Version": "2020-12-01", "Steps": steps})
        sagemaker.create_pipeline(
            PipelineName=name, RoleArn=ROLE, PipelineDefinition=text, ClientRequestToken=name.ljust(32, "x")
        )
    token = f"{time.time_ns():032d}"
    begun = time.perf_counter()
    arn = sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken=token)[
        "PipelineExecutionArn"
    ]
    while True:
        told = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if told["PipelineExecutionStatus"] != "Executing":
            break
        time.sleep(LOOKS)
    if told["PipelineExecutionStatus"] != "Succeeded":
        raise RuntimeError(f"{name}: {told.get('FailureReason')}")
    return time.perf_counter() - begun


def lives(clary: Clary, name: str) -> float:
    """Return the seconds that the jobs of a pipeline's newest execution lived, one after another."""
    sagemaker = clary.client("sagemaker")
    arn = sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"][0][
        "PipelineExecutionArn"
    ]
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    seconds = 0.0
    for step in steps:
        job = step["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
        told = sagemaker.describe_training_job(TrainingJobName=job)
        seconds += (told["LastModifiedTime"] - told["CreationTime"]).total_seconds()
    return seconds


def _queued(clary: Clary) -> float:
    """Return how long as many jobs take that are created one after the other, to run as there is room."""
    sagemaker = clary.client("sagemaker")
    begun = time.perf_counter()
    for number in range(PARALLEL):
        sagemaker.create_training_job(TrainingJobName=f"queued-{number}", **job())
    wanted = {"Name": "TrainingJobStatus", "Operator": "In", "Value": "InProgress,Stopping"}
    found = {"Resource": "TrainingJob", "SearchExpression": {"Filters": [wanted]}, "MaxResults": 1}
    wait_for(lambda: not sagemaker.search(**found)["Results"], 1200)
    return time.perf_counter() - begun

"""Tuning: what a trial costs beyond its training, and how well the search finds ten known minima."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    IMAGE,
    ROOT,
    Clary,
    Figure,
    finish,
    median,
    server,
    training_job,
    upload_table,
    wait_for,
)
from benchmarks.tuning_tasks import TASKS, TRIALS

from clary.engines.tuning import bayesian, random_search, space

LOCK = Path(__file__).parent / "clients" / "optuna.txt"
JOBS, SEEDS, CHANCES = 12, 10, 60


def run() -> list[Figure]:
    """Measure both."""
    return [*_overhead(), *_quality()]


def _overhead() -> list[Figure]:
    """From the end of one training job to the creation of the next, one at a time."""
    figures = []
    with server() as clary:
        data = upload_table(clary)
        alone = []
        for number in range(4):
            request = training_job(f"alone-{number}", IMAGE, {"num_round": "5"}, data)
            begun = time.perf_counter()
            clary.client("sagemaker").create_training_job(**request)
            finish(clary, f"alone-{number}")
            alone.append(time.perf_counter() - begun)
        beside = f"the same training job by itself: {median(alone):.3f} s"
        for strategy in ("Random", "Bayesian"):
            gaps = _tuned(clary, strategy, data)
            name = f"tuning overhead a trial, {strategy}, mean of {len(gaps)}"
            figures.append(Figure(name=name, value=sum(gaps) / len(gaps), unit="s", target=0.1, floor=beside))
    return figures


def _tuned(clary: Clary, strategy: str, data: str) -> list[float]:
    sagemaker, name = clary.client("sagemaker"), f"bench-{strategy.lower()}"
    request = training_job(name, IMAGE, {"num_round": "5"}, data)
    definition = {key: request[key] for key in request.keys() - {"TrainingJobName", "HyperParameters"}}
    eta = {"Name": "eta", "MinValue": "0.01", "MaxValue": "0.5", "ScalingType": "Logarithmic"}
    lasso = {"Name": "alpha", "MinValue": "0", "MaxValue": "10", "ScalingType": "Linear"}
    depth = {"Name": "max_depth", "MinValue": "2", "MaxValue": "8", "ScalingType": "Linear"}
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "train:rmse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": JOBS, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": [eta, lasso], "IntegerParameterRanges": [depth]},
            "RandomSeed": 1,
        },
        TrainingJobDefinition={**definition, "StaticHyperParameters": {"num_round": "5"}},
    )
    told: dict[str, Any] = {}

    def ended() -> bool:
        nonlocal told
        told = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return told["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping")

    wait_for(ended, 300)
    if told["TrainingJobStatusCounters"]["Completed"] != JOBS:
        raise RuntimeError(f"{name}: {told}")
    asked = {"NameContains": name, "SortBy": "Name", "SortOrder": "Ascending"}
    pages = sagemaker.get_paginator("list_training_jobs").paginate(**asked)
    jobs = [each for page in pages for each in page["TrainingJobSummaries"]]
    between = ((later["CreationTime"], earlier["LastModifiedTime"]) for earlier, later in pairwise(jobs))
    return [(made - settled).total_seconds() for made, settled in between]


def _quality() -> list[Figure]:
    """The median of the best after thirty trials, beside optuna's own sampler and chance."""
    work = [(name, seed) for name in TASKS for seed in range(SEEDS)]
    with ProcessPoolExecutor(2) as pool:
        best = list(pool.map(_searched, work))
    optuna = _optuna("TPESampler")
    figures = []
    for name in TASKS:
        ours = median([found for (task, _), found in zip(work, best, strict=True) if task == name])
        theirs, chance = median(optuna[name]), median([_by_chance(name, seed) for seed in range(CHANCES)])
        beside = f"optuna's TPE {theirs:.4f}, random {chance:.4f}"
        target = min(theirs, chance)
        figures.append(
            Figure(name=f"best of {TRIALS} trials, {name}", value=ours, unit="", target=target, floor=beside)
        )
    return figures


def _searched(work: tuple[str, int]) -> float:
    name, seed = work
    task, where = TASKS[name], space.read({**TASKS[name].ranges})
    known: list[bayesian.Known] = []
    taken: list[space.Tuned] = []
    for number in range(TRIALS):
        tuned = bayesian.draw(where, str(seed), number, known, taken)
        if tuned is None or (point := where.point(tuned)) is None:
            raise RuntimeError(f"{name}: nothing is left to try")
        taken.append(tuned)
        known.append(bayesian.Known(point, task.cost(tuned)))
    return min(each.cost for each in known if each.cost is not None)


def _by_chance(name: str, seed: int) -> float:
    task, where = TASKS[name], space.read({**TASKS[name].ranges})
    drawn = (random_search.draw(where, f"chance-{seed}", number) for number in range(TRIALS))
    return min(task.cost(tuned) for tuned in drawn if tuned is not None)


def _optuna(sampler: str) -> dict[str, list[float]]:
    """Search with optuna, in the environment of its lock."""
    build = [sys.executable, "-m", "clary.runtime.environment", str(LOCK)]
    made = subprocess.run(build, check=True, capture_output=True, text=True, cwd=ROOT)  # noqa: S603 - ours
    python = Path(made.stdout.strip().splitlines()[-1]) / "bin" / "python"
    line = [str(python), "-m", "benchmarks.optuna_search", sampler, str(SEEDS)]
    done = subprocess.run(line, check=True, capture_output=True, text=True, cwd=ROOT)  # noqa: S603 - ours
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found

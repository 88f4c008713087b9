"""A hundred queued jobs of one second each, against the time that their seconds alone take on this machine.

Each job is a script that sleeps for a second in a prebuilt image. As many run at once as the machine has
shares of their instance type; what a job takes beyond its second is ours.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from benchmarks.harness import (
    Clary,
    Figure,
    finish,
    median,
    server,
    training_job,
    upload_script,
    upload_table,
)

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = b"import time\ntime.sleep(1)\n"
JOBS = int(os.environ.get("BENCH_QUEUE_JOBS", "100"))
VCPUS = 2  # of the jobs' instance type, ml.m5.large
DONE = {"Completed", "Failed", "Stopped"}


def run() -> list[Figure]:
    """Queue all jobs at once, and wait for the last."""
    slots = max(1, len(os.sched_getaffinity(0)) // VCPUS)
    ideal = JOBS / slots
    with server() as clary:
        request = _request(clary)
        clary.client("sagemaker").create_training_job(**{**request, "TrainingJobName": "first"})
        finish(clary, "first")
        time.sleep(1.5)  # let a warm worker get ready, as between a person's two runs
        names = [f"queued-{number}" for number in range(JOBS)]
        begun = time.perf_counter()
        for name in names:
            clary.client("sagemaker").create_training_job(**{**request, "TrainingJobName": name})
        submitted = time.perf_counter() - begun
        _wait(clary)
        seconds = time.perf_counter() - begun
        gaps = _gaps([finish(clary, name) for name in names])
    beside = f"{JOBS} s of sleep, {slots} at a time: {ideal:.0f} s; all submitted after {submitted:.1f} s"
    return [
        Figure(name=f"{JOBS} queued jobs of 1 s, time", value=seconds, unit="s", floor=beside),
        Figure(name=f"{JOBS} queued jobs of 1 s, of ideal", value=seconds / ideal, unit="x", target=1.3),
        Figure(name="from one job's end to the next one's start, p50", value=median(gaps), unit="s"),
    ]


def _request(clary: Clary) -> dict[str, Any]:
    return training_job("any", IMAGE, upload_script(clary, SCRIPT), upload_table(clary))


def _wait(clary: Clary) -> None:
    sagemaker = clary.client("sagemaker")
    wanted = {"Name": "TrainingJobStatus", "Operator": "In", "Value": "InProgress,Stopping"}
    while sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [wanted]}, MaxResults=1)[
        "Results"
    ]:
        time.sleep(0.5)


def _gaps(jobs: Sequence[dict[str, Any]]) -> list[float]:
    """Return the seconds between the end of one program and the start of the next."""
    periods = sorted(_period(job) for job in jobs)
    return [later[0] - before[1] for before, later in itertools.pairwise(periods)] or [0.0]


def _period(job: dict[str, Any]) -> tuple[float, float]:
    told: dict[str, datetime] = {
        each["Status"]: each["StartTime"] for each in job["SecondaryStatusTransitions"]
    }
    return told["Training"].timestamp(), told["Uploading"].timestamp()

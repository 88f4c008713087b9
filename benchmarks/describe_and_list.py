"""Describe and List among 100,000 records of a kind, and `clary up` with a million records in the store."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.filling import fill, fill_models
from benchmarks.floors import NULL, Call, beside_null
from benchmarks.harness import Clary, Figure, command, connect, median

JOBS = 100_000
RECORDS = 1_000_000
ROUNDS = 150
STARTS = 5
TARGET = 3  # times the null call


def run() -> list[Figure]:
    """Measure calls first, then starts of the same home with ten times as much in it."""
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
        home = Path(folder)
        command(home, "up", "--port", "0", "--detach")
        try:
            fill(home, JOBS, indexed=False)
            figures = _calls(connect(home))
        finally:
            command(home, "down", "--yes", "--now")
    return [*figures, _starts()]


def _calls(clary: Clary) -> list[Figure]:
    sagemaker = clary.client("sagemaker")
    jobs = sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    calls: dict[str, Call] = {
        "DescribeTrainingJob": ("describe_training_job", {"TrainingJobName": jobs[50]["TrainingJobName"]}),
        "ListTrainingJobs": ("list_training_jobs", {}),
        "ListTrainingJobs by name": ("list_training_jobs", {"SortBy": "Name", "SortOrder": "Ascending"}),
        "ListTrainingJobs by status": ("list_training_jobs", {"SortBy": "Status"}),
    }
    taken = beside_null(clary, calls, ROUNDS)
    floor = median(taken.pop(NULL))
    return [
        Figure(
            name=f"{name} at {JOBS:,}, p50",
            value=median(times) / floor,
            unit="x",
            target=TARGET,
            floor=f"null call p50 {floor * 1000:.2f} ms; here {median(times) * 1000:.2f} ms",
        )
        for name, times in taken.items()
    ]


def _starts() -> Figure:
    taken = []
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
        home = Path(folder)
        command(home, "up", "--port", "0", "--detach")
        command(home, "down", "--yes", "--now")
        fill_models(home, RECORDS)
        for _ in range(STARTS):
            begun = time.perf_counter()
            command(home, "up", "--port", "0", "--detach")
            connect(home).client("sts").get_caller_identity()
            taken.append(time.perf_counter() - begun)
            command(home, "down", "--yes", "--now")
    return Figure(
        name=f"clary up to first answer, {RECORDS:,} records, p50",
        value=median(taken),
        unit="s",
        target=2,
        floor=f"slowest of {STARTS}: {max(taken):.2f} s",
    )

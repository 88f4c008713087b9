"""Search among 100,000 training jobs through boto3, two filters at a time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.filling import fill
from benchmarks.floors import NULL, beside_null
from benchmarks.harness import Figure, command, connect, median, percentile

JOBS = 100_000
ROUNDS = 15
TARGET_MS = 100

_GOOD = {"Name": "Metrics.accuracy", "Operator": "GreaterThan", "Value": "0.5"}
_LOSS = {"Name": "Metrics.loss", "Operator": "LessThan", "Value": "0.5"}
_DONE = {"Name": "TrainingJobStatus", "Operator": "Equals", "Value": "Completed"}
_TEAM = {"Name": "Tags.team", "Operator": "Equals", "Value": "team-7"}
_RARE = {"Name": "Metrics.loss", "Operator": "LessThan", "Value": "0.0001"}
_NAME = {"Name": "TrainingJobName", "Operator": "Contains", "Value": "-777"}
_ETA = {"Name": "HyperParameters.parameter_1", "Operator": "GreaterThan", "Value": "0.5"}
_NEVER = {"Name": "TrainingJobStatus", "Operator": "NotEquals", "Value": "Completed"}

PAIRS: dict[str, dict[str, Any]] = {
    "a quarter matches, by metric": {"filters": [_GOOD, _LOSS], "SortBy": "Metrics.accuracy"},
    "half of 90 % matches, by time": {"filters": [_DONE, _GOOD]},
    "half matches, by hyperparameter": {"filters": [_DONE, _ETA], "SortBy": "HyperParameters.parameter_1"},
    "either of two halves, by metric": {
        "filters": [_GOOD, _LOSS],
        "SortBy": "Metrics.accuracy",
        "Operator": "Or",
    },
    "10 match": {"filters": [_GOOD, _RARE], "SortBy": "Metrics.accuracy"},
    "a tag and a status": {"filters": [_TEAM, _NEVER]},
    "part of a name, and not a status": {"filters": [_NAME, _NEVER], "SortBy": "TrainingJobName"},
}


def run() -> list[Figure]:
    """Measure each pair beside the null call."""
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
        home = Path(folder)
        command(home, "up", "--port", "0", "--detach")
        try:
            fill(home, JOBS, indexed=True)
            calls = {name: ("search", _request(dict(pair))) for name, pair in PAIRS.items()}
            taken = beside_null(connect(home), calls, ROUNDS)
        finally:
            command(home, "down", "--yes", "--now")
    floor = median(taken.pop(NULL)) * 1000
    return [
        Figure(
            name=f"Search, {name}, p50",
            value=median(times) * 1000,
            unit="ms",
            target=TARGET_MS,
            floor=f"null call p50 {floor:.2f} ms; p90 here {percentile(times, 90) * 1000:.1f} ms",
        )
        for name, times in taken.items()
    ]


def _request(pair: dict[str, Any]) -> dict[str, Any]:
    expression = {"Filters": pair.pop("filters"), "Operator": pair.pop("Operator", "And")}
    return {"Resource": "TrainingJob", "SearchExpression": expression, **pair}

"""Each built-in algorithm against its library called directly on the same files: metric, time, memory.

Time is processor time of the whole process, which other work on the machine changes little; the clock's is
told beside it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import ROOT, Figure

ROUNDS = 3
REFERENCES = Path(__file__).parent / "algorithm_references.py"
TIME, MEMORY, METRIC = 1.15, 1.3, 1.01


class Case(NamedTuple):
    """One algorithm on one data set. Of the metric, more is better when `more`."""

    image: str
    reference: str
    data: str
    label_size: int
    hyperparameters: dict[str, object]
    metric: str
    more: bool
    timed: bool = True

    @property
    def module(self) -> str:
        """The package of its programs."""
        return self.image.replace("-", "_")


CASES = (
    Case(
        "linear-learner",
        "linear_binary",
        "patches",
        1,
        {"predictor_type": "binary_classifier"},
        "test binary_classification_accuracy",
        True,
    ),
    Case(
        "linear-learner",
        "linear_multiclass",
        "digits",
        1,
        {"predictor_type": "multiclass_classifier", "num_classes": 10},
        "test multiclass_accuracy",
        True,
    ),
    Case(
        "linear-learner",
        "linear_regression",
        "diabetes",
        1,
        {"predictor_type": "regressor"},
        "test mse",
        False,
    ),
    Case("kmeans", "kmeans", "points", 0, {"k": 16, "feature_dim": 3}, "test msd", False),
    Case(
        "pca",
        "pca",
        "patches",
        1,
        {"num_components": 8, "feature_dim": 27, "mini_batch_size": 1000},
        "",
        True,
    ),
    Case(
        "knn",
        "knn",
        "anomalies",
        1,
        {"k": 5, "feature_dim": 27, "sample_size": 1000000, "predictor_type": "classifier"},
        "test accuracy",
        True,
    ),
    Case(
        "randomcutforest",
        "forest",
        "anomalies",
        1,
        {"feature_dim": 27},
        "test accuracy",
        True,
    ),
    Case(
        "lda",
        "lda",
        "digits",
        1,
        {"feature_dim": 64, "num_topics": 10, "mini_batch_size": 100},
        "test pwll",
        True,
    ),
    Case(
        "factorization-machines",
        "factorization",
        "diabetes",
        1,
        {
            "feature_dim": 10,
            "num_factors": 2,
            "predictor_type": "regressor",
            "epochs": 200,
            "mini_batch_size": 50,
            "bias_lr": 5,
            "linear_lr": 20,
            "linear_wd": 0,
            "bias_wd": 0,
        },
        "test rmse",
        False,
        False,
    ),
)


class Run(NamedTuple):
    """One process: what it took of clocks and of cores, the most memory it held, what it printed."""

    wall: float
    seconds: float
    mebibytes: float
    said: str


def run() -> list[Figure]:
    """Run every case and its reference in turn, and take the best of each."""
    python = _interpreter("linear-learner")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as name:
        folder = Path(name)
        # Only the PyTorch image can read the photographs.
        _process([_interpreter("pytorch-training"), str(REFERENCES), "data", str(folder)], {})
        for case in CASES:
            figures += _figures(case, python, folder)
    return figures


def _figures(case: Case, python: str, folder: Path) -> list[Figure]:
    ours: list[Run] = []
    theirs: list[Run] = []
    for _ in range(ROUNDS):
        ours.append(_train(case, python, folder))
        theirs.append(_process([python, str(REFERENCES), case.reference, str(folder / case.data)], {}))
    begin = f"{case.image}, {case.data}"
    figures = []
    truth = float(theirs[0].said)
    if case.metric:
        found = float(re.findall(rf", {case.metric} <\w+>=(\S+)", ours[0].said)[-1])
        # Of two negative numbers the greater is nearer to zero.
        upside = truth / found if (found > 0) == case.more else found / truth
        beside = f"the library: {truth:.5g}, here {found:.5g}"
        figures.append(
            Figure(name=f"{begin}, metric", value=upside, unit="times", target=METRIC, floor=beside)
        )
    seconds, floor_seconds = (min(one.seconds for one in side) for side in (ours, theirs))
    wall, floor_wall = (min(one.wall for one in side) for side in (ours, theirs))
    memory, floor_memory = (min(one.mebibytes for one in side) for side in (ours, theirs))
    figures.append(
        Figure(
            name=f"{begin}, time",
            value=seconds / floor_seconds,
            unit="times",
            target=TIME if case.timed else None,
            floor=f"the library: {floor_seconds:.2f} s; by the clock {wall / floor_wall:.2f} times",
        )
    )
    figures.append(
        Figure(
            name=f"{begin}, memory",
            value=memory / floor_memory,
            unit="times",
            target=MEMORY,
            floor=f"the library: {floor_memory:.0f} MiB",
        )
    )
    return figures


def _train(case: Case, python: str, folder: Path) -> Run:
    base = folder / "ml"
    shutil.rmtree(base, ignore_errors=True)
    for part in ("input/config", "model"):
        (base / part).mkdir(parents=True)
    (base / "input/data").symlink_to(folder / case.data)
    kind = {"ContentType": f"text/csv;label_size={case.label_size}", "TrainingInputMode": "File"}
    files = {
        "hyperparameters": {name: str(value) for name, value in case.hyperparameters.items()},
        "inputdataconfig": {"train": kind, "test": kind},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, content in files.items():
        (base / "input/config" / f"{name}.json").write_text(json.dumps(content))
    paths = os.pathsep.join(str(ROOT / "images" / name) for name in ("toolkit", case.image))
    environment = {"PYTHONPATH": paths, "SAGEMAKER_BASE_DIR": str(base)}
    return _process([python, "-m", f"{case.module}.train"], environment)


def _process(line: list[str], environment: dict[str, str]) -> Run:
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        # Both sides have the settings that the image gives its programs.
        known = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **environment}
        process = subprocess.Popen(line, stdout=output, env=known)  # noqa: S603 - our own programs
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise RuntimeError(f"{line} ended with {process.returncode}: {said}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said)


def _interpreter(image: str) -> str:
    build = [sys.executable, "-m", "clary.runtime.environment", image]
    done = subprocess.run(build, check=True, capture_output=True, text=True)  # noqa: S603 - our own module
    return str(Path(done.stdout.strip().splitlines()[-1]) / "bin" / "python")

"""Each built-in algorithm against its library called directly on the same files: metric, time, memory.

Time is processor time of the whole process, which other work on the machine changes little; the clock's is
told beside it. With `--write`, the page that `measured` keeps is brought up to date.
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
from functools import cache
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import ROOT, Figure

ROUNDS = 3
REFERENCES = Path(__file__).parent / "algorithm_references.py"
TIME, MEMORY, METRIC = 1.15, 1.3, 1.01


LOGGED = (
    r", {metric} <\w+>=(\S+)"  # Amazon's own algorithms: `#quality_metric: host=algo-1, test mse <loss>=1`.
)


class Case(NamedTuple):
    """One algorithm on one data set, and the function of `algorithm_references` that it is held against.

    Of the metric, more is better when `more`. The pattern finds it in the log, `held_out` is the channel it
    is measured on, and both sides run in the environment of an image.
    """

    image: str
    reference: str
    data: str
    label_size: int
    hyperparameters: dict[str, object]
    metric: str
    more: bool
    timed: bool = True
    environment: str = "linear-learner"
    library: str = "scikit-learn"
    pattern: str = LOGGED
    held_out: str = "test"
    programs: str = ""

    @property
    def module(self) -> str:
        """The package of its programs."""
        return self.programs or self.image.replace("-", "_")

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.image}, {self.data}"


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
        library="krcf",
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
        timed=False,
    ),
    Case(
        "sagemaker-xgboost",
        "xgboost",
        "patches",
        1,
        {"objective": "binary:logistic", "eval_metric": "logloss", "num_round": 60, "max_depth": 6},
        "logloss",
        False,
        environment="sagemaker-xgboost",
        library="xgboost-cpu",
        pattern=r"validation-{metric}:(\S+)",
        held_out="validation",
    ),
    Case(
        "lightgbm",
        "lightgbm",
        "patches",
        1,
        {"objective": "binary", "num_boost_round": 60, "early_stopping_rounds": 0},
        "binary_logloss",
        False,
        environment="lightgbm",
        library="lightgbm",
        pattern=r"{metric}: (\S+)",
        held_out="validation",
        programs="sagemaker_lightgbm",
    ),
    Case(
        "catboost",
        "catboost",
        "patches",
        1,
        {"objective": "binary", "iterations": 60, "learning_rate": 0.1, "eval_metric": "Logloss"},
        "bestTest",
        False,
        environment="catboost",
        library="catboost",
        pattern=r"{metric} = (\S+)",
        held_out="validation",
        programs="sagemaker_catboost",
    ),
)


class Run(NamedTuple):
    """One process: what it took of clocks and of cores, the most memory it held, what it printed."""

    wall: float
    seconds: float
    mebibytes: float
    said: str


class Outcome(NamedTuple):
    """The best of each side of a case; its metric here and there, and which version the library has."""

    case: Case
    ours: Run
    theirs: Run
    metric: float | None
    their_metric: float
    version: str

    @property
    def upside(self) -> float:
        """How many times better the metric is there: at most 1 where it is as good here."""
        found, truth = self.metric or 1.0, self.their_metric if self.metric is not None else 1.0
        # Of two negative numbers the greater is nearer to zero.
        return truth / found if (found > 0) == self.case.more else found / truth


def run() -> list[Figure]:
    """Run every case and its reference in turn, and take the best of each."""
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as name:
        folder = Path(name)
        # Only the PyTorch image can read the photographs.
        _process([_interpreter("pytorch-training"), "-P", str(REFERENCES), "data", str(folder)], {})
        return [figure for case in CASES for figure in _figures(_outcome(case, folder))]


def _outcome(case: Case, folder: Path) -> Outcome:
    python = _interpreter(case.environment)
    ours: list[Run] = []
    theirs: list[Run] = []
    for _ in range(ROUNDS):
        ours.append(_train(case, python, folder))
        theirs.append(_process([python, "-P", str(REFERENCES), case.reference, str(folder / case.data)], {}))
    found = re.findall(case.pattern.format(metric=case.metric), ours[0].said) if case.metric else []
    asked = f"import importlib.metadata; print(importlib.metadata.version({case.library!r}))"
    return Outcome(
        case=case,
        ours=_best(ours),
        theirs=_best(theirs),
        metric=float(found[-1]) if case.metric else None,
        their_metric=float(theirs[0].said.split()[-1]),
        version=_process([python, "-c", asked], {}).said.strip(),
    )


def _best(runs: list[Run]) -> Run:
    return Run(
        wall=min(one.wall for one in runs),
        seconds=min(one.seconds for one in runs),
        mebibytes=min(one.mebibytes for one in runs),
        said=runs[0].said,
    )


def _figures(outcome: Outcome) -> list[Figure]:
    case, ours, theirs = outcome.case, outcome.ours, outcome.theirs
    library, figures = f"{case.library} {outcome.version}", []
    if outcome.metric is not None:
        beside = f"{library}: {case.metric} {outcome.their_metric:.5g}, here {outcome.metric:.5g}"
        figures.append(
            Figure(
                name=f"{case.name}, metric", value=outcome.upside, unit="times", target=METRIC, floor=beside
            )
        )
    figures.append(
        Figure(
            name=f"{case.name}, time",
            value=ours.seconds / theirs.seconds,
            unit="times",
            target=TIME if case.timed else None,
            floor=f"{library}: {theirs.seconds:.2f} s, by the clock {ours.wall / theirs.wall:.2f} times",
        )
    )
    figures.append(
        Figure(
            name=f"{case.name}, memory",
            value=ours.mebibytes / theirs.mebibytes,
            unit="times",
            target=MEMORY,
            floor=f"{theirs.mebibytes:.0f} MiB",
        )
    )
    return figures


def _train(case: Case, python: str, folder: Path) -> Run:
    base = folder / "ml"
    shutil.rmtree(base, ignore_errors=True)
    for part in ("input/config", "model"):
        (base / part).mkdir(parents=True)
    (base / "input/data").mkdir()
    for channel, part in (("train", "train"), (case.held_out, "test")):
        (base / "input/data" / channel).symlink_to(folder / case.data / part)
    own = f";label_size={case.label_size}" if case.pattern == LOGGED else ""
    kind = {"ContentType": f"text/csv{own}", "TrainingInputMode": "File"}
    files = {
        "hyperparameters": {name: str(value) for name, value in case.hyperparameters.items()},
        "inputdataconfig": {"train": kind, case.held_out: kind},
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


@cache
def _interpreter(image: str) -> str:
    build = [sys.executable, "-m", "clary.runtime.environment", image]
    done = subprocess.run(build, check=True, capture_output=True, text=True)  # noqa: S603 - our own module
    return str(Path(done.stdout.strip().splitlines()[-1]) / "bin" / "python")

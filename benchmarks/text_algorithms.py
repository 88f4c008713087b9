"""BlazingText against fastText called directly on the same texts, one thread each: metric, time, memory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.builtin_algorithms import MEMORY, METRIC, ROUNDS, TIME, Run, _interpreter, _process
from benchmarks.harness import ROOT, Figure

REFERENCES = Path(__file__).parent / "text_references.py"
LOCK = Path(__file__).parent / "clients" / "texts.txt"


class Case(NamedTuple):
    """One use of the algorithm on one text, its reference and the line that tells its metric."""

    data: str
    reference: str
    hyperparameters: dict[str, object]
    metric: str


CASES = (
    Case(
        "foods", "classify", {"mode": "supervised", "epochs": 20, "buckets": 200000}, "#validation_accuracy"
    ),
    Case("sentences", "embed", {"mode": "skipgram", "epochs": 10, "min_count": 2}, "#mean_rho"),
)


def run() -> list[Figure]:
    """Run each use and its reference in turn, and take the best of each."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as name:
        folder = Path(name)
        build = [sys.executable, "-m", "clary.runtime.environment", str(LOCK)]
        made = subprocess.run(build, check=True, capture_output=True, text=True)  # noqa: S603 - our own module
        texts = Path(made.stdout.strip().splitlines()[-1]) / "bin" / "python"
        _process([str(texts), "-P", str(REFERENCES), "data", str(folder)], {})
        python = _interpreter("blazingtext")
        for case in CASES:
            figures += _figures(case, python, folder)
    return figures


def _figures(case: Case, python: str, folder: Path) -> list[Figure]:
    ours: list[Run] = []
    theirs: list[Run] = []
    line = [python, "-P", str(REFERENCES), case.reference, str(folder / case.data)]
    for _ in range(ROUNDS):
        ours.append(_train(case, python, folder))
        theirs.append(_process(line, {"PYTHONPATH": _paths()}))
    found = float(re.findall(rf"{case.metric}: (\S+)", ours[0].said)[-1])
    truth = float(theirs[0].said.split()[-1])
    seconds, floor_seconds = (min(one.seconds for one in side) for side in (ours, theirs))
    wall, floor_wall = (min(one.wall for one in side) for side in (ours, theirs))
    memory, floor_memory = (min(one.mebibytes for one in side) for side in (ours, theirs))
    clock = f"by the clock {wall / floor_wall:.2f} times"
    told = {
        "metric": (truth / found, METRIC, f"{truth:.4f}, here {found:.4f}"),
        "time": (
            seconds / floor_seconds,
            TIME,
            f"{floor_seconds:.2f} s; {clock}",
        ),
        "memory": (memory / floor_memory, MEMORY, f"{floor_memory:.0f} MiB"),
    }
    return [
        Figure(
            name=f"blazingtext, {case.data}, {what}",
            value=value,
            unit="times",
            target=target,
            floor=f"the library: {floor}",
        )
        for what, (value, target, floor) in told.items()
    ]


def _train(case: Case, python: str, folder: Path) -> Run:
    base = folder / "ml"
    shutil.rmtree(base, ignore_errors=True)
    for part in ("input/config", "model"):
        (base / part).mkdir(parents=True)
    (base / "input/data").symlink_to(folder / case.data)
    channels = sorted(path.name for path in (folder / case.data).iterdir())
    files = {
        "hyperparameters": {name: str(value) for name, value in case.hyperparameters.items()},
        "inputdataconfig": {name: {"TrainingInputMode": "File"} for name in channels},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, content in files.items():
        (base / "input/config" / f"{name}.json").write_text(json.dumps(content))
    known = {"PYTHONPATH": _paths(), "SAGEMAKER_BASE_DIR": str(base), "SM_NUM_CPUS": "1"}
    return _process([python, "-m", "blazingtext.train"], known)


def _paths() -> str:
    return os.pathsep.join(str(ROOT / "images" / name) for name in ("toolkit", "blazingtext"))

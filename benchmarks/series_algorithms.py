"""DeepAR against GluonTS's DeepAR called directly on the same series: metric, time, memory.

Both are trained with several seeds, each by a process of its own: on a network as small as this the seed
says more than anything else, so that what is compared is the mean, and the spread is told beside it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.builtin_algorithms import MEMORY, METRIC, TIME, Run, _best, _interpreter, _process
from benchmarks.harness import ROOT, Figure
from benchmarks.series_references import CHOSEN

HERE = Path(__file__).parent
REFERENCES = HERE / "series_references.py"
SEEDS = int(os.environ.get("BENCH_SERIES_SEEDS", "5"))
NAME, DATA = "forecasting-deepar", "stations"
VERSION = "import importlib.metadata; print(importlib.metadata.version('gluonts'))"


def run() -> list[Figure]:
    """Train with each seed here and there in turn."""
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as name:
        folder = Path(name)
        _process([_environment(HERE / "clients" / "texts.txt"), "-P", str(REFERENCES), "data", name], {})
        library, python = _environment(HERE / "references.txt"), _interpreter(NAME)
        ours: list[Run] = []
        theirs: list[Run] = []
        for seed in range(SEEDS):
            ours.append(_train(python, folder, seed))
            line = [library, "-P", str(REFERENCES), "forecast", str(folder / DATA), str(seed)]
            theirs.append(_process(line, {"PYTHONWARNINGS": "ignore"}))
        version = _process([library, "-c", VERSION], {}).said.strip()
    return _figures(ours, theirs, f"gluonts {version}")


def _figures(ours: Sequence[Run], theirs: Sequence[Run], library: str) -> list[Figure]:
    found = [float(re.findall(r"mean_wQuantileLoss <loss>=(\S+)", one.said)[-1]) for one in ours]
    truth = [float(one.said.split()[-1]) for one in theirs]
    best, floor = _best([*ours]), _best([*theirs])
    wall = f"by the clock {best.wall / floor.wall:.2f} times"
    told = {
        "metric": (
            statistics.mean(found) / statistics.mean(truth),
            METRIC,
            f"{library}: test mean_wQuantileLoss {_told(truth)}, here {_told(found)}, of {len(found)} seeds",
        ),
        "time": (best.seconds / floor.seconds, TIME, f"{library}: {floor.seconds:.2f} s, {wall}"),
        "memory": (best.mebibytes / floor.mebibytes, MEMORY, f"{floor.mebibytes:.0f} MiB"),
    }
    return [
        Figure(name=f"{NAME}, {DATA}, {part}", value=value, unit="times", target=target, floor=beside)
        for part, (value, target, beside) in told.items()
    ]


def _told(values: Sequence[float]) -> str:
    """Return a mean and how far the seeds lie around it."""
    return f"{statistics.mean(values):.5f} ± {statistics.stdev(values):.5f}"


def _train(python: str, folder: Path, seed: int) -> Run:
    base = folder / "ml"
    shutil.rmtree(base, ignore_errors=True)
    for part in ("input/config", "model"):
        (base / part).mkdir(parents=True)
    (base / "input/data").symlink_to(folder / DATA)
    files = {
        "hyperparameters": {name: str(value) for name, value in CHOSEN.items()},
        "inputdataconfig": {name: {"TrainingInputMode": "File"} for name in ("train", "test")},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, content in files.items():
        (base / "input/config" / f"{name}.json").write_text(json.dumps(content))
    paths = os.pathsep.join(str(ROOT / "images" / name) for name in ("toolkit", NAME))
    known = {"PYTHONPATH": paths, "SAGEMAKER_BASE_DIR": str(base), "DEEPAR_SEED": str(seed)}
    return _process([python, "-m", "forecasting_deepar.train"], known)


def _environment(lock: Path) -> str:
    build = [sys.executable, "-m", "clary.runtime.environment", str(lock)]
    done = subprocess.run(build, check=True, capture_output=True, text=True)  # noqa: S603 - our own module
    return str(Path(done.stdout.strip().splitlines()[-1]) / "bin" / "python")

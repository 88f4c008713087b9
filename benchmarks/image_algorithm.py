"""Image classification against Transformers' ResNet in a plain loop on the same pictures and batches."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from benchmarks.builtin_algorithms import MEMORY, METRIC, ROUNDS, TIME, Run, _best, _interpreter, _process
from benchmarks.harness import ROOT, Figure

REFERENCES = Path(__file__).parent / "image_references.py"
DATA, EPOCHS, RATE = "pictures", 4, 0.001
HYPERPARAMETERS = {
    "num_layers": 18,
    "image_shape": "3,32,32",
    "num_classes": 10,
    "num_training_samples": 1437,
    "mini_batch_size": 32,
    "optimizer": "adam",
    "epochs": EPOCHS,
    "learning_rate": RATE,
    "lr_scheduler_step": EPOCHS - 1,
}


def run() -> list[Figure]:
    """Run both in turn, and take the best of each."""
    ours: list[Run] = []
    theirs: list[Run] = []
    # The image that has Transformers, and the same PyTorch.
    library, python = _interpreter("huggingface-pytorch-training"), _interpreter("image-classification")
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as name:
        folder = Path(name)
        _process([library, "-P", str(REFERENCES), "data", str(folder / DATA)], {})
        line = [library, "-P", str(REFERENCES), "train", str(folder / DATA), str(EPOCHS), str(RATE)]
        for _ in range(ROUNDS):
            ours.append(_train(python, folder))
            theirs.append(_process(line, {}))
    asked = "import importlib.metadata; print(importlib.metadata.version('transformers'))"
    version = _process([library, "-c", asked], {}).said.strip()
    return _figures(_best(ours), _best(theirs), f"transformers {version}")


def _figures(ours: Run, theirs: Run, library: str) -> list[Figure]:
    found = float(re.findall(r"Best validation accuracy: (\S+)", ours.said)[-1])
    truth = float(theirs.said.split()[-1])
    clock = f"by the clock {ours.wall / theirs.wall:.2f} times"
    told = {
        "metric": (truth / found, METRIC, f"{library}: accuracy {truth:.4f}, here {found:.4f}"),
        "time": (ours.seconds / theirs.seconds, TIME, f"{library}: {theirs.seconds:.2f} s, {clock}"),
        "memory": (ours.mebibytes / theirs.mebibytes, MEMORY, f"{theirs.mebibytes:.0f} MiB"),
    }
    return [
        Figure(
            name=f"image-classification, {DATA}, {what}",
            value=value,
            unit="times",
            target=target,
            floor=floor,
        )
        for what, (value, target, floor) in told.items()
    ]


def _train(python: str, folder: Path) -> Run:
    base = folder / "ml"
    shutil.rmtree(base, ignore_errors=True)
    for part in ("input/config", "model"):
        (base / part).mkdir(parents=True)
    (base / "input/data").symlink_to(folder / DATA)
    channels = sorted(path.name for path in (folder / DATA).iterdir())
    kind = {"ContentType": "application/x-image", "TrainingInputMode": "File"}
    files = {
        "hyperparameters": {name: str(value) for name, value in HYPERPARAMETERS.items()},
        "inputdataconfig": dict.fromkeys(channels, kind),
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, content in files.items():
        (base / "input/config" / f"{name}.json").write_text(json.dumps(content))
    paths = os.pathsep.join(str(ROOT / "images" / name) for name in ("toolkit", "image-classification"))
    known = {"PYTHONPATH": paths, "SAGEMAKER_BASE_DIR": str(base)}
    return _process([python, "-m", "image_classification.train"], known)

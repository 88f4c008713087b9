"""Checkpoints: one model file a round under /opt/ml/checkpoints, from which an interrupted job goes on."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Protocol

from sagemaker_xgboost import generation

KEPT = 5
NAME = re.compile(r"xgboost-checkpoint\.(\d+)")


class Saved(Protocol):
    """What can be saved: a booster."""

    def save_model(self, fname: str) -> None:
        """Write the model to a file."""
        ...


def latest(folder: Path) -> list[tuple[Path, int]]:
    """Return the checkpoints that are there, newest first, with how many rounds each holds."""
    if not folder.is_dir():
        return []
    found = [(path, int(match[1]) + 1) for path in folder.iterdir() if (match := NAME.fullmatch(path.name))]
    return sorted(found, key=lambda one: -one[1])


def save(model: Saved, folder: Path, round_number: int) -> None:
    """Write one checkpoint atomically and drop the ones that are older than the last five."""
    write(model, folder / f"xgboost-checkpoint.{round_number}")
    for path, _ in latest(folder)[KEPT:]:
        path.unlink(missing_ok=True)


def write(model: Saved, path: Path) -> None:
    """Save a model so that a reader sees the whole of it or nothing; UBJSON, XGBoost's own binary form.

    `xgboost-model`, which the job leaves, has the form of the container's generation.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.ubj")
    if path.name == "xgboost-model" and generation.pickles():
        partial.write_bytes(pickle.dumps(model))
    else:
        model.save_model(str(partial))
    partial.replace(path)

"""The model file of an algorithm whose model is a scikit-learn estimator: joblib.load gives it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MODEL = "model_algo-1"


def save(folder: Path, estimator: object) -> None:
    """Write an estimator."""
    import joblib

    joblib.dump(estimator, folder / MODEL)


def load(folder: Path) -> Any:
    """Read it."""
    import joblib

    return joblib.load(folder / MODEL)

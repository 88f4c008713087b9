"""What a careful user's code does in every peer: read a row, call the model as its library does quickest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MODELS = ("xgboost", "scikit-learn", "onnx")
FEATURES = 30
MOST = 64
"""Rows in a batch: as many as there are callers at most."""
Predict = Callable[[Any], Any]
"""From rows of float32 to a number for each."""


def load(name: str, folder: str | Path) -> Predict:
    """Return a model, on one thread."""
    if name == "xgboost":
        import xgboost

        booster = xgboost.Booster(model_file=str(Path(folder) / "xgboost-model"))
        booster.set_param({"nthread": 1})
        predict: Predict = booster.inplace_predict
        return predict
    if name == "scikit-learn":
        import joblib

        pipeline = joblib.load(Path(folder) / "model.joblib")
        return lambda rows: pipeline.predict(rows)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(Path(folder) / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return lambda rows: session.run(None, {"input": rows})[0][:, 0]


def row(body: bytes) -> Any:
    """Read one row of CSV as a table of one row."""
    return np.array(body.split(b","), dtype=np.float32).reshape(1, -1)


def rows(bodies: Sequence[bytes]) -> Any:
    """Read several rows of CSV, one in each body, as one table."""
    return np.array(b",".join(bodies).split(b","), dtype=np.float32).reshape(len(bodies), -1)


def text(score: Any) -> bytes:
    """Write one number."""
    return str(score).encode()

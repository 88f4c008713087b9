"""Learn each column's mean and spread, and standardise rows by them; a label in front of a row is kept."""

from __future__ import annotations

import argparse
import io
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.preprocessing import StandardScaler


def model_fn(model_dir: str) -> StandardScaler:
    """Load what training saved."""
    return joblib.load(Path(model_dir, "scaler.joblib"))


def input_fn(body: bytes | str, content_type: str) -> np.ndarray:
    """Read rows of CSV."""
    if content_type != "text/csv":
        raise ValueError(f"{content_type} is not text/csv")
    text = body if isinstance(body, str) else body.decode()
    return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)


def predict_fn(rows: np.ndarray, scaler: StandardScaler) -> np.ndarray:
    """Standardise the features."""
    if rows.shape[1] == scaler.n_features_in_:
        return np.asarray(scaler.transform(rows))
    return np.column_stack([rows[:, 0], scaler.transform(rows[:, 1:])])


def output_fn(rows: np.ndarray, accept: str) -> tuple[str, str]:
    """Write rows of CSV, whatever is accepted."""
    file = io.StringIO()
    np.savetxt(file, rows, delimiter=",", fmt="%.6g")
    return file.getvalue(), "text/csv"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    files = sorted(Path(args.train).glob("*.csv"))
    data = np.concatenate([np.loadtxt(path, delimiter=",") for path in files])
    joblib.dump(StandardScaler().fit(data[:, 1:]), Path(args.model_dir, "scaler.joblib"))

"""Script mode for the scikit-learn image: train a forest, and say how to load and use it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier


def model_fn(model_dir: str) -> RandomForestClassifier:
    """Load what training saved."""
    return joblib.load(Path(model_dir, "model.joblib"))


def predict_fn(rows: np.ndarray, model: RandomForestClassifier) -> np.ndarray:
    """Return the probability of the positive class, one number a row."""
    return model.predict_proba(rows)[:, 1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int, default=50)
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    data = np.concatenate(
        [np.loadtxt(path, delimiter=",") for path in sorted(Path(args.train).glob("*.csv"))]
    )
    model = RandomForestClassifier(n_estimators=args.n_estimators, random_state=7)
    model.fit(data[:, 1:], data[:, 0])
    print(f"train:accuracy={model.score(data[:, 1:], data[:, 0]):.6f};")
    joblib.dump(model, Path(args.model_dir, "model.joblib"))

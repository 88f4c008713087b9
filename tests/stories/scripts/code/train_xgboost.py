"""Script mode for the XGBoost image: train on SM_CHANNEL_TRAIN, leave the booster in SM_MODEL_DIR."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import xgboost


def model_fn(model_dir: str) -> xgboost.Booster:
    """Load what training saved."""
    booster = xgboost.Booster()
    booster.load_model(str(Path(model_dir, "model.json")))
    return booster


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--num_round", type=int, default=10)
    parser.add_argument("--objective", default="binary:logistic")
    args, _ = parser.parse_known_args()
    folder = Path(os.environ["SM_CHANNEL_TRAIN"])
    data = np.concatenate([np.loadtxt(path, delimiter=",") for path in sorted(folder.glob("*.csv"))])
    rows = xgboost.DMatrix(data[:, 1:], data[:, 0])
    booster = xgboost.train({"objective": args.objective}, rows, args.num_round)
    booster.save_model(str(Path(os.environ["SM_MODEL_DIR"], "model.json")))
    print(f"hosts {os.environ['SM_HOSTS']} rounds {booster.num_boosted_rounds()}", flush=True)

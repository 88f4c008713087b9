"""Runs inside an image's environment, beside the program under test: real data, and open XGBoost's own
answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

SETS = {"binary:logistic": load_breast_cancer, "multi:softprob": load_iris, "multi:softmax": load_iris}


def data(objective: str, folder: Path) -> None:
    """Write a real data set as the built-in algorithm wants it: label first, no header, a quarter held
    out."""
    features, labels = SETS.get(objective, load_diabetes)(return_X_y=True)
    table = np.column_stack([labels, features])
    held_out = np.arange(len(table)) % 4 == 0
    for name, rows in (("train", table[~held_out]), ("validation", table[held_out])):
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.savetxt(folder / name / "part.csv", rows, delimiter=",", fmt="%.17g")


def train(folder: Path, parameters: dict[str, object]) -> list[object]:
    """Train in process and predict the held-out rows."""
    rounds = int(str(parameters.pop("num_round")))
    rows, held_out = (
        np.loadtxt(folder / name / "part.csv", delimiter=",", ndmin=2) for name in ("train", "validation")
    )
    booster = xgboost.train(parameters, xgboost.DMatrix(rows[:, 1:], label=rows[:, 0]), rounds)
    answer: list[object] = booster.predict(xgboost.DMatrix(held_out[:, 1:])).tolist()
    return answer


def predict(folder: Path, model: Path) -> dict[str, object]:
    """Predict the held-out rows with the model a job left, by both of XGBoost's ways."""
    booster = xgboost.Booster()
    booster.load_model(str(model))
    held_out = np.loadtxt(folder / "validation" / "part.csv", delimiter=",", ndmin=2)[:, 1:]
    ways = {"predict": booster.predict(xgboost.DMatrix(held_out)).tolist()}
    if "gblinear" not in booster.save_config():
        ways["inplace_predict"] = booster.inplace_predict(held_out).tolist()
    return {**ways, "rounds": booster.num_boosted_rounds()}


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    if what == "data":
        data(rest[0], Path(folder))
    elif what == "train":
        print(json.dumps(train(Path(folder), json.loads(rest[0]))))
    else:
        print(json.dumps(predict(Path(folder), Path(rest[0]))))

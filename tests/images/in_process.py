"""Runs inside an image's environment, beside the program under test: real data, and open XGBoost's own
answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

SETS = {
    "binary:logistic": load_breast_cancer,
    "multi:softprob": load_iris,
    "multi:softmax": load_iris,
    "reg:squarederror": load_diabetes,
}


def data(folder: Path) -> None:
    """Write real data sets as the built-in algorithm wants them: label first, no header, a quarter held
    out."""
    for objective, load in SETS.items():
        features, labels = load(return_X_y=True)
        table = np.column_stack([labels, features])
        held_out = np.arange(len(table)) % 4 == 0
        for name, rows in (("train", table[~held_out]), ("validation", table[held_out])):
            (folder / objective / name).mkdir(parents=True, exist_ok=True)
            np.savetxt(folder / objective / name / "part.csv", rows, delimiter=",", fmt="%.17g")


def train(folder: Path, parameters: dict[str, object]) -> list[object]:
    """Train in process and predict the held-out rows."""
    given = dict(parameters)
    rounds = int(str(given.pop("num_round")))
    names = ("train", "validation")
    rows, held_out = (np.loadtxt(folder / name / "part.csv", delimiter=",", ndmin=2) for name in names)
    booster = xgboost.train(given, xgboost.DMatrix(rows[:, 1:], label=rows[:, 0]), rounds)
    answer: list[object] = booster.predict(xgboost.DMatrix(held_out[:, 1:])).tolist()
    return answer


def predict(folder: Path, model: Path) -> dict[str, object]:
    """Predict the held-out rows with the model a job left, by both of XGBoost's ways."""
    booster = xgboost.Booster()
    booster.load_model(str(model))
    held_out = np.loadtxt(folder / "validation" / "part.csv", delimiter=",", ndmin=2)[:, 1:]
    in_place = booster.inplace_predict(held_out).tolist()
    answer = booster.predict(xgboost.DMatrix(held_out)).tolist()
    return {"predict": answer, "inplace_predict": in_place, "rounds": booster.num_boosted_rounds()}


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    if what == "predict":
        print(json.dumps(predict(Path(folder), Path(rest[0]))))
    else:
        data(Path(folder))
        cases = json.loads(rest[0])
        print(json.dumps([train(Path(folder) / case["objective"], case) for case in cases]))

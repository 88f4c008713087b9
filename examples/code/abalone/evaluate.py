"""Hold a model of XGBoost against the rows that it has not seen, and write what came of it as JSON."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy
import pandas
import xgboost

BASE = Path("/opt/ml/processing")


def main() -> None:
    """Write evaluation.json with the mean squared error and its deviation."""
    with tarfile.open(BASE / "model" / "model.tar.gz") as archive:
        archive.extractall(BASE / "model", filter="data")
    model = xgboost.Booster()
    model.load_model(BASE / "model" / "xgboost-model")
    table = pandas.read_csv(BASE / "test" / "test.csv", header=None).to_numpy()
    errors = table[:, 0] - model.predict(xgboost.DMatrix(table[:, 1:]))
    mse, deviation = float(numpy.mean(errors**2)), float(numpy.std(errors))
    report = {"regression_metrics": {"mse": {"value": mse, "standard_deviation": deviation}}}
    (BASE / "evaluation" / "evaluation.json").write_text(json.dumps(report))
    print("mse", mse)


if __name__ == "__main__":
    main()

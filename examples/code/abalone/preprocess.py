"""Prepare the Abalone table: scale what is measured, spread out the sex, split the rows."""

from __future__ import annotations

from pathlib import Path

import pandas
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

BASE = Path("/opt/ml/processing")
MEASURED = [
    "length", "diameter", "height", "whole_weight", "shucked_weight", "viscera_weight", "shell_weight",
]  # fmt: skip
COLUMNS = ["sex", *MEASURED, "rings"]


def main() -> None:
    """Read every file of the input and write three tables without a header."""
    files = sorted(path for path in (BASE / "input").iterdir() if path.is_file())
    table = pandas.concat(pandas.read_csv(path, header=None, names=COLUMNS) for path in files)
    prepare = ColumnTransformer(
        [
            ("measured", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), MEASURED),
            ("sex", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["sex"]),
        ]
    )
    rings = table.pop("rings").to_numpy()
    prepared = pandas.DataFrame(prepare.fit_transform(table))
    prepared.insert(0, "rings", rings)
    train, rest = train_test_split(prepared, test_size=0.3, random_state=1)
    validation, test = train_test_split(rest, test_size=0.5, random_state=1)
    for name, part in {"train": train, "validation": validation, "test": test}.items():
        part.to_csv(BASE / name / f"{name}.csv", header=False, index=False)
        print(name, len(part), "rows")


if __name__ == "__main__":
    main()

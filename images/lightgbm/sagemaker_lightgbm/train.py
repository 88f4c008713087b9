"""`python -m sagemaker_lightgbm.train`: trains LightGBM.

How it compares with AWS's: evidence/lightgbm.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.hyperparameters import Settings
from toolkit.environment import Training, cpus
from toolkit.failure import UserError
from toolkit.train import leave, main

from sagemaker_lightgbm import hyperparameters
from toolkit import tables

Floats = NDArray[np.float32]

MODEL = "model.txt"
CATEGORIES = "categorical_index.json"
MANY = 100
"""Whole numbers that are this many different ones are quantities, not classes."""


def train(job: Training) -> None:
    """Train on `train` or `training`, watch `validation`; leave the model in /opt/ml/model/model.txt."""
    settings = hyperparameters.read(job.hyperparameters)
    if len(job.hosts) > 1:
        raise UserError(
            f"This job has {len(job.hosts)} hosts; Clary's LightGBM trains on one. Set InstanceCount to 1."
        )
    folder, table, held_out = _tables(job)
    labels = table[:, 0]
    objective = settings.text("objective") or _objective(labels)
    parameters = _parameters(settings, objective, labels)
    import lightgbm

    options: dict[str, Any] = {"categorical_feature": _categories(folder, table.shape[1])}
    rows = lightgbm.Dataset(table[:, 1:], label=labels, **options)
    watched = lightgbm.Dataset(held_out[:, 1:], label=held_out[:, 0], reference=rows, **options)
    callbacks: list[Any] = [lightgbm.log_evaluation(1)]
    if settings.integer("early_stopping_rounds") > 0 and settings.text("boosting") != "dart":
        callbacks.append(lightgbm.early_stopping(settings.integer("early_stopping_rounds")))
    try:
        model = lightgbm.train(
            parameters,
            rows,
            num_boost_round=settings.integer("num_boost_round"),
            valid_sets=[watched],
            callbacks=callbacks,
        )
    except lightgbm.basic.LightGBMError as wrong:
        raise UserError(f"LightGBM could not train: {wrong}") from wrong
    model.save_model(str(job.where.model / MODEL), num_iteration=model.best_iteration)


def _tables(job: Training) -> tuple[Path, Floats, Floats]:
    """Return the training channel's folder, its rows, and rows to watch: given ones, or a fifth."""
    names = [name for name in ("train", "training") if (job.where.data / name).is_dir()]
    if not names:
        raise UserError("Missing required channel: train. Give the job an input channel of that name.")
    folder = job.where.data / names[0]
    inner = folder / "train"
    table = _read(inner if inner.is_dir() else folder)
    if table is None:
        raise UserError(f"No data in the training channel: {folder} has no CSV file.")
    apart = job.where.data / "validation"
    held_out = _read(apart if apart.is_dir() else folder / "validation")
    if held_out is None:
        chosen = np.random.default_rng(0).random(len(table)) < 0.2
        chosen[:1], chosen[-1:] = False, True  # neither part may be empty
        return folder, table[~chosen], table[chosen]
    if held_out.shape[1] != table.shape[1]:
        raise UserError(
            f"The validation data has {held_out.shape[1]} columns, the training data {table.shape[1]}; they "
            f"must agree."
        )
    return folder, table, held_out


def _read(folder: Path) -> Floats | None:
    files = sorted(path for path in tables.files(folder) if path.name != CATEGORIES)
    if not files:
        return None
    table = tables.csv(files)
    if table.shape[1] < 2:
        raise UserError(f"{files[0].name} has one column; the label comes first and features must follow.")
    if not np.isfinite(table[:, 0]).all():
        raise UserError(f"{files[0].name}: a label in the first column is missing or infinite.")
    return table


def _objective(labels: Floats) -> str:
    distinct = np.unique(labels)
    if (distinct != np.floor(distinct)).any() or len(distinct) > MANY:
        return "regression"
    return "binary" if len(distinct) == 2 else "multiclass" if len(distinct) > 2 else "regression"


def _parameters(settings: Settings, objective: str, labels: Floats) -> dict[str, Any]:
    default = {"binary": "binary_logloss", "multiclass": "multi_logloss"}.get(objective, "rmse")
    ours = {
        name: value
        for name, value in settings.values.items()
        if name not in hyperparameters.STEERING and not name.startswith("_") and value is not None
    }
    if objective != "binary":
        ours = {
            name: value for name, value in ours.items() if name not in ("is_unbalance", "scale_pos_weight")
        }
    parameters: dict[str, Any] = {
        **ours,
        "objective": objective,
        "metric": settings.text("metric", default),
        "num_threads": settings.integer("num_threads") or cpus(),
    }
    if objective != "tweedie":
        parameters.pop("tweedie_variance_power")
    wrong = None
    if objective == "multiclass":
        parameters["num_class"] = int(labels.max()) + 1
        wrong = (labels < 0) | (labels != np.floor(labels))
    elif objective == "binary":
        wrong = ~np.isin(labels, (0, 1))
    if wrong is not None and wrong.any():
        row = int(wrong.argmax())
        raise UserError(
            f"The labels of a {objective} objective are 0, 1, …; row {row + 1} has {labels[row]:g}. A "
            f"regression is asked for with objective=regression."
        )
    return parameters


def _categories(folder: Path, width: int) -> list[int] | str:
    path = folder / CATEGORIES
    if not path.is_file():
        return "auto"
    try:
        columns = json.loads(path.read_text())["cat_index_list"]
        if not all(isinstance(column, int) and 0 < column < width for column in columns):
            raise ValueError(f"every index must be a whole number from 1 to {width - 1}")
    except (ValueError, KeyError, TypeError) as wrong:
        raise UserError(f'{CATEGORIES} must be like {{"cat_index_list": [1, 3]}}: {wrong}') from wrong
    return [column - 1 for column in columns]


if __name__ == "__main__":
    leave(main(train))

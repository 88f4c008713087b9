"""`python -m sagemaker_lightgbm.train`: trains LightGBM.

How it compares with AWS's: evidence/lightgbm.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm import tabular
from toolkit.algorithm.hyperparameters import Settings
from toolkit.environment import Training, cpus
from toolkit.failure import UserError
from toolkit.train import leave, main

from sagemaker_lightgbm import hyperparameters

Floats = NDArray[np.float32]

MODEL = "model.txt"


def train(job: Training) -> None:
    """Train on `train` or `training`, watch `validation`; leave the model in /opt/ml/model/model.txt."""
    settings = hyperparameters.read(job.hyperparameters)
    folder, table, held_out = tabular.read(job)
    labels = table[:, 0]
    objective = settings.text("objective") or tabular.objective(labels)
    tabular.check_labels(labels, objective)
    parameters = _parameters(settings, objective, labels)
    import lightgbm

    options: dict[str, Any] = {"categorical_feature": tabular.categories(folder, table.shape[1]) or "auto"}
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
    if objective == "multiclass":
        parameters["num_class"] = int(labels.max()) + 1
    return parameters


if __name__ == "__main__":
    leave(main(train, blames="AlgorithmError"))

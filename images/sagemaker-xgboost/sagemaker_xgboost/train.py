"""`python -m sagemaker_xgboost.train`: trains the built-in algorithm, or the user's script when the job
names one. Log lines, data formats and the saved model: evidence/xgboost-training.md."""

from __future__ import annotations

import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from toolkit.environment import Training, cpus
from toolkit.failure import UserError
from toolkit.train import leave, main

from sagemaker_xgboost import checkpoints, collective, data, hyperparameters, metrics, several
from sagemaker_xgboost.hyperparameters import Settings
from sagemaker_xgboost.progress import Progress

PREFIX = re.compile(r"^\[[\d:]+\] \S+:\d+: (Check failed: [^:]+: ?)?")
"""The time and the source line that XGBoost puts before what it has to say."""

USER_MISTAKES = (
    "feature_names mismatch",
    "Number of columns does not match",
    "preds.size() == info.labels_.size()",
    "the dataset only contains pos or neg samples",
    "base_score must be in (0,1)",
    "label must be nonnegative",
    "label must be positive",
    "Parameter reg_lambda should be greater equal to 0",
)
"""What XGBoost says when the data or the hyperparameters are at fault."""


def train(job: Training) -> None:
    """Train on the channels `train` and, when given, `validation`; leave the model in
    /opt/ml/model/xgboost-model."""
    settings = hyperparameters.check(job.hyperparameters | _tuned(job))
    if "train" not in job.channels and not (job.where.data / "train").is_dir():
        raise UserError("Missing required channel: train. Give the job an input channel of that name.")
    kind = data.content_type(job.channels.get("train"))
    examples = data.read(job.where.data / "train", kind, csv_weights=settings.csv_weights)
    if examples is None and len(job.hosts) == 1:
        raise UserError(
            f"No data in the training channel: {job.where.data / 'train'} has no data file, or only empty "
            "ones. Upload one, or correct the channel's S3Uri."
        )
    held_out = None
    if "validation" in job.channels:
        kind = data.content_type(job.channels["validation"])
        held_out = data.read(job.where.data / "validation", kind)  # csv_weights is about training data only
        if held_out is None and len(job.hosts) == 1:
            raise UserError(
                f"No data in the validation channel: {job.where.data / 'validation'} has no data file."
            )
    for name, found in (("train", examples), ("validation", held_out)):
        if found is not None:
            _check_labels(name, found.labels, settings)
    if len(job.hosts) > 1:
        several.train(load(), job, settings, examples, held_out, _boost)
    elif examples is not None:
        _boost(job, settings, examples, held_out)


def _check_labels(channel: str, labels: data.Floats, settings: Settings) -> None:
    objective = str(settings.booster.get("objective", ""))
    if objective in ("binary:logistic", "binary:logitraw", "reg:logistic"):
        wrong, rule = ~((labels >= 0) & (labels <= 1)), "label must be in [0,1] for logistic regression"
    elif objective.startswith("multi:"):
        classes = int(settings.booster["num_class"])
        wrong = ~((labels >= 0) & (labels < classes) & (labels == np.floor(labels)))
        rule = f"label must be in [0, num_class), a whole number below {classes}"
    else:
        wrong, rule = ~np.isfinite(labels), "label must be a number"
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(f"{rule}; row {row + 1} of the {channel} channel has the label {labels[row]:g}.")


def _tuned(job: Training) -> dict[str, str]:
    metric = job.container.get("_tuning_objective_metric")
    return {"_tuning_objective_metric": str(metric)} if metric else {}


def _boost(
    job: Training,
    settings: Settings,
    examples: data.Examples,
    held_out: data.Examples | None,
    *,
    leads: bool = True,
) -> None:
    """Train, and leave the model; of several hosts one leads."""
    xgboost = load()
    matrix = _matrix(xgboost, examples)
    watched = [(matrix, "train")]
    print(f"Train matrix has {matrix.num_row()} rows and {matrix.num_col()} columns", flush=True)
    if held_out is not None:
        watched.append((_matrix(xgboost, held_out, matrix.num_col()), "validation"))
        print(f"Validation matrix has {watched[1][0].num_row()} rows", flush=True)
    try:
        trained = _rounds(xgboost, job, settings, watched, leads=leads)
    except xgboost.core.XGBoostError as wrong:
        said = PREFIX.sub("", str(wrong).split("Stack trace")[0].strip())
        blame = (
            ""
            if any(mistake in said for mistake in USER_MISTAKES)
            else "AlgorithmError: XGBoost could not train: "
        )
        raise UserError(blame + said) from wrong
    if leads:
        checkpoints.write(trained, job.where.model / "xgboost-model")


def _rounds(
    xgboost: Any, job: Training, settings: Settings, watched: list[tuple[Any, str]], *, leads: bool
) -> checkpoints.Saved:
    theirs = [name for name in settings.metrics if name not in metrics.OWN]
    objective = str(settings.booster.get("objective", "reg:squarederror"))
    parameters = {"nthread": cpus(), **settings.booster, **({"eval_metric": theirs} if theirs else {})}
    keep = job.where.checkpoints if job.where.checkpoints.is_dir() else None
    start, done = _resume(xgboost, keep)
    xgboost.callback.TrainingCallback.register(Progress)
    agreed = partial(collective.any_of_all, xgboost) if len(job.hosts) > 1 else bool
    callbacks: list[object] = [Progress(done, keep if leads else None, told=leads, agreed=agreed)]
    if settings.early_stopping:
        watching = [name for name in settings.metrics if name in metrics.OWN] or theirs or [""]
        last = watching[-1].partition("@")[0]  # XGBoost puts the metrics that are ours after its own
        best = True if last in hyperparameters.MAXIMISED else None
        rounds = settings.early_stopping
        callbacks.append(xgboost.callback.EarlyStopping(rounds=rounds, maximize=best, save_best=True))
    trained: checkpoints.Saved = xgboost.train(
        parameters,
        watched[0][0],
        num_boost_round=max(0, settings.rounds - done),
        evals=watched,
        custom_metric=metrics.evaluator(settings.metrics, objective),
        callbacks=callbacks,
        xgb_model=start,
        verbose_eval=False,
    )
    return trained


def _resume(xgboost: Any, folder: Path | None) -> tuple[Any, int]:
    for path, rounds in checkpoints.latest(folder) if folder else ():
        booster = xgboost.Booster()
        try:
            booster.load_model(str(path))
        except xgboost.core.XGBoostError as wrong:
            print(f"Checkpoint {path.name} cannot be read and is passed over: {wrong}", flush=True)
            continue
        print(f"Checkpoint loaded from {path}, resuming from round {rounds}", flush=True)
        return booster, rounds
    return None, 0


def _matrix(xgboost: Any, examples: data.Examples, width: int | None = None) -> Any:
    features, labels, weights = examples
    if width is not None and features.shape[1] != width:
        if isinstance(features, np.ndarray) or features.shape[1] > width:
            raise UserError(
                f"The validation channel has {features.shape[1]} features, the training channel {width}; "
                f"they must agree."
            )
        features.resize((features.shape[0], width))
    return xgboost.DMatrix(features, label=labels, weight=weights, nthread=cpus())


def load() -> Any:
    """Import XGBoost without scikit-learn and pandas, which it would load (1 to 3 s) and the algorithm never
    uses."""
    # On cores that others use too, OpenMP's spinning threads made a 1 s training take 10 to 20 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("sklearn", "pandas"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None there means: not installed
    import xgboost

    return xgboost


if __name__ == "__main__":
    leave(main(train, blames="AlgorithmError"))

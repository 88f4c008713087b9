"""The documented hyperparameters, with their ranges, checked before any data is read.

Names and ranges: the XGBoost hyperparameters page of the SageMaker developer guide and what the 1.7 and 3.0
containers accept. A parameter without a default here keeps open XGBoost's own.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from typing import NamedTuple

from toolkit.contract import Json
from toolkit.failure import UserError

from sagemaker_xgboost import generation

Value = int | float | str


class Parameter(NamedTuple):
    """One hyperparameter: an interval such as `(0, 1]` for numbers, words for choices."""

    kind: str
    domain: str


_INTEGERS = {
    "num_round": "[1, inf)",
    "csv_weights": "[0, 1]",
    "early_stopping_rounds": "[1, inf)",
    "verbosity": "[0, 3]",
    "nthread": "[1, inf)",
    "max_depth": "[0, inf)",
    "refresh_leaf": "[0, 1]",
    "max_leaves": "[0, inf)",
    "max_bin": "[0, inf)",
    "one_drop": "[0, 1]",
    "num_class": "[2, inf)",
    "seed": "(-2147483648, 2147483647)",
    "num_parallel_tree": "[1, inf)",
    "silent": "[0, 1]",
}
_NUMBERS = {
    "eta": "[0, 1]",
    "gamma": "[0, inf)",
    "min_child_weight": "[0, inf)",
    "max_delta_step": "[0, inf)",
    "subsample": "(0, 1]",
    "colsample_bytree": "(0, 1]",
    "colsample_bylevel": "(0, 1]",
    "colsample_bynode": "(0, 1]",
    "lambda": "[0, inf)",
    "alpha": "[0, inf)",
    "sketch_eps": "(0, 1)",
    "scale_pos_weight": "(0, inf)",
    "rate_drop": "[0, 1]",
    "skip_drop": "[0, 1]",
    "lambda_bias": "[0, 1]",
    "tweedie_variance_power": "(1, 2)",
    "base_score": "[0, inf)",
    "aft_loss_distribution_scale": "[0, inf)",
    "prob_buffer_row": "(1, inf)",
}
_CHOICES = {
    "booster": "gbtree gblinear dart",
    "tree_method": "auto exact approx hist gpu_hist",
    "dsplit": "row col",
    "process_type": "default update",
    "grow_policy": "depthwise lossguide",
    "predictor": "auto cpu_predictor gpu_predictor",
    "sample_type": "uniform weighted",
    "normalize_type": "tree forest",
    "save_model_on_termination": "true false",
    "aft_loss_distribution": "normal logistic extreme",
    "single_precision_histogram": "true false",
    "deterministic_histogram": "true false",
    "use_dask_gpu_training": "true false",
    "sampling_method": "uniform gradient_based",
    "objective": (
        "binary:logistic binary:logitraw binary:hinge count:poisson multi:softmax multi:softprob "
        "rank:pairwise "
        "rank:ndcg rank:map reg:linear reg:squarederror reg:logistic reg:gamma reg:pseudohubererror "
        "reg:squaredlogerror reg:absoluteerror reg:tweedie survival:aft survival:cox"
    ),
}
_LISTS = {
    "eval_metric": "",
    "updater": (
        "grow_colmaker grow_histmaker grow_local_histmaker grow_quantile_histmaker grow_skmaker distcol "
        "sync refresh "
        "prune shotgun coord_descent"
    ),
    "monotone_constraints": "-1 0 1",
    "interaction_constraints": "",
    "_tuning_objective_metric": "",
}
PARAMETERS: Mapping[str, Parameter] = {
    **{name: Parameter("integer", domain) for name, domain in _INTEGERS.items()},
    **{name: Parameter("number", domain) for name, domain in _NUMBERS.items()},
    **{name: Parameter("choice", domain) for name, domain in _CHOICES.items()},
    **{name: Parameter("list", domain) for name, domain in _LISTS.items()},
}
ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}

MAXIMISED = frozenset(
    [
        "accuracy",
        "auc",
        "aucpr",
        "balanced_accuracy",
        "f1",
        "f1_binary",
        "f1_macro",
        "map",
        "ndcg",
        "pre",
        "precision",
        "precision_macro",
        "precision_micro",
        "r2",
        "recall",
        "recall_macro",
        "recall_micro",
    ]
)
MINIMISED = frozenset(
    [
        "aft-nloglik",
        "cox-nloglik",
        "error",
        "gamma-deviance",
        "gamma-nloglik",
        "interval-regression-accuracy",
        "logloss",
        "mae",
        "mape",
        "merror",
        "mlogloss",
        "mphe",
        "mse",
        "poisson-nloglik",
        "rmse",
        "rmsle",
        "tweedie-nloglik",
    ]
)
WITH_THRESHOLD = frozenset(("error", "ndcg", "map", "pre"))


class Settings(NamedTuple):
    """Checked hyperparameters: what goes to XGBoost, and what steers the training around it."""

    booster: dict[str, Value]
    rounds: int
    metrics: list[str]
    early_stopping: int | None
    csv_weights: bool


def check(given: Mapping[str, Json]) -> Settings:
    """Check every hyperparameter and how they fit together, or say which is wrong and what would be right."""
    values = {ALIASES.get(name, name): value for name, value in given.items()}
    if "num_round" not in values:
        raise UserError(
            "Missing required hyperparameter: num_round, the number of rounds to train, at least 1."
        )
    gone = {"silent"} if generation.of() >= (1, 2) else set()
    if strange := sorted(values.keys() - PARAMETERS.keys() | values.keys() & gone):
        known = sorted(name for name in PARAMETERS.keys() - gone if not name.startswith("_"))
        instead = " From 1.2 on, verbosity takes the place of silent." if "silent" in strange else ""
        raise UserError(
            f"Extraneous hyperparameter found: {', '.join(strange)}.{instead} Known: {', '.join(known)}."
        )
    parsed = {name: _parse(name, value) for name, value in values.items()}
    if parsed.pop("silent", 0):
        parsed.setdefault("verbosity", 0)
    _check_objective(parsed)
    _check_constraints(parsed)
    metrics = _metrics(parsed)
    # A stopped training always keeps its model, so save_model_on_termination asks for what happens anyway.
    steering = {
        "num_round",
        "csv_weights",
        "early_stopping_rounds",
        "save_model_on_termination",
        "eval_metric",
    }
    retired = {"predictor", "dsplit", "sketch_eps", "single_precision_histogram", "deterministic_histogram"}
    ours = steering | retired | {"prob_buffer_row", "use_dask_gpu_training", "lambda_bias"}
    booster = {name: value for name, value in parsed.items() if name not in ours and not name.startswith("_")}
    if booster.get("tree_method") == "gpu_hist":
        raise UserError(
            "tree_method 'gpu_hist' needs a GPU build of XGBoost, which this image is not. Use 'hist'."
        )
    if booster.get("objective") == "reg:linear":
        booster["objective"] = "reg:squarederror"
    stopping = parsed.get("early_stopping_rounds")
    return Settings(
        booster=booster,
        rounds=int(parsed["num_round"]),
        metrics=metrics,
        early_stopping=None if stopping is None else int(stopping),
        csv_weights=parsed.get("csv_weights") == 1,
    )


def within(interval: str, number: float) -> bool:
    """Tell whether a number lies in an interval written like `(0, 1]`."""
    low, high = (float(edge) for edge in interval[1:-1].split(","))
    above = number >= low if interval[0] == "[" else number > low
    below = number <= high if interval[-1] == "]" else number < high
    return above and below


def _parse(name: str, value: Json) -> Value:
    kind, domain = PARAMETERS[name]
    written = ("true" if value else "false") if isinstance(value, bool) else str(value).strip()
    if kind == "choice":
        if written not in domain.split():
            raise UserError(f"Hyperparameter {name}: {written!r} is not one of {', '.join(domain.split())}.")
        return written
    if kind == "list":
        return _parse_list(name, domain, value)
    try:
        number = int(written) if kind == "integer" else float(written)
    except ValueError as wrong:
        article = "an integer" if kind == "integer" else "a number"
        raise UserError(f"Hyperparameter {name}: {written!r} is not {article}.") from wrong
    if math.isnan(number) or not within(domain, number):
        raise UserError(f"Hyperparameter {name}: {written} is not in the range {domain.replace('inf', '∞')}.")
    return number


def _parse_list(name: str, domain: str, value: Json) -> Value:
    if name in ("monotone_constraints", "interaction_constraints"):
        return _parse_constraint(name, value)
    words = [str(word) for word in value] if isinstance(value, list) else str(value).split(",")
    words = [word.strip() for word in words]
    if domain and (strange := [word for word in words if word not in domain.split()]):
        raise UserError(f"Hyperparameter {name}: {strange[0]!r} is not one of {', '.join(domain.split())}.")
    return ",".join(words)


def _parse_constraint(name: str, value: Json) -> str:
    try:
        parsed = ast.literal_eval(value) if isinstance(value, str) else value
        rows = [list(row) for row in parsed] if name.startswith("inter") else [list(parsed)]  # type: ignore[arg-type,union-attr]
        if not all(isinstance(entry, int) for row in rows for entry in row):
            raise ValueError("every entry must be an integer")
    except (ValueError, TypeError, SyntaxError) as wrong:
        example = "[[0, 1], [2, 3]]" if name.startswith("inter") else "(1, 0, -1)"
        raise UserError(
            f"Hyperparameter {name}: {value!r} could not be read, write it like {example!r}."
        ) from wrong
    if name.startswith("inter"):
        return json.dumps(rows)
    if strange := [entry for entry in rows[0] if entry not in (-1, 0, 1)]:
        raise UserError(f"Hyperparameter {name}: {strange[0]} is not one of -1, 0, 1.")
    return f"({','.join(map(str, rows[0]))})"


def _check_objective(values: Mapping[str, Value]) -> None:
    objective = values.get("objective", "reg:squarederror")
    if objective in ("multi:softmax", "multi:softprob") and "num_class" not in values:
        raise UserError(
            f"The objective {objective} requires the hyperparameter num_class, the number of classes."
        )
    if "num_class" in values and not str(objective).startswith("multi:"):
        raise UserError(
            f"num_class is for the objectives multi:softmax and multi:softprob, not for {objective}."
        )


def _check_constraints(values: Mapping[str, Value]) -> None:
    method, booster = values.get("tree_method"), values.get("booster")
    if "monotone_constraints" in values and method not in ("exact", "hist"):
        raise UserError("monotone_constraints can be used only with the tree_method 'exact' or 'hist'.")
    if "interaction_constraints" in values and method not in ("exact", "hist", "approx"):
        raise UserError(
            "interaction_constraints can be used only with the tree_method 'exact', 'hist' or 'approx'."
        )
    updaters = str(values["updater"]).split(",") if "updater" in values else []
    if (
        booster == "gblinear"
        and updaters
        and (len(updaters) > 1 or updaters[0] not in ("shotgun", "coord_descent"))
    ):
        raise UserError("A gblinear booster takes one updater: 'shotgun' or 'coord_descent'.")
    if values.get("process_type") == "update" and set(updaters) - {"refresh", "prune"}:
        raise UserError("process_type 'update' can be used only with the updaters 'refresh' and 'prune'.")


def _metrics(values: Mapping[str, Value]) -> list[str]:
    names = [name for name in str(values.get("eval_metric", "")).split(",") if name]
    tuned = str(values.get("_tuning_objective_metric", "")).partition(":")[2]
    names += [tuned] if tuned and tuned not in names else []
    for name in names:
        _check_metric(name, str(values.get("objective", "reg:squarederror")))
    return names


def _check_metric(name: str, objective: str) -> None:
    base, at, threshold = name.partition("@")
    if at:
        if base not in WITH_THRESHOLD:
            raise UserError(f"Hyperparameter eval_metric: {name!r}; only error, map, ndcg and pre take '@'.")
        try:
            float(threshold.removesuffix("-"))
        except ValueError as wrong:
            raise UserError(
                f"Hyperparameter eval_metric: {threshold!r} in {name!r} is not a number."
            ) from wrong
    elif base not in MAXIMISED | MINIMISED:
        known = ", ".join(sorted(MAXIMISED | MINIMISED))
        raise UserError(f"Hyperparameter eval_metric: {name!r} is not one of {known}.")
    if base == "auc" and not objective.startswith(("binary:", "rank:", "multi:")):
        raise UserError("The metric 'auc' is for classification and ranking objectives only.")
    if base == "aft-nloglik" and objective != "survival:aft":
        raise UserError("The metric 'aft-nloglik' is for the objective survival:aft only.")

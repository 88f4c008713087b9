"""`python -m sagemaker_catboost.train`: trains CatBoost.

How it compares with AWS's: evidence/catboost.md.
"""

from __future__ import annotations

import re
from typing import Any

from toolkit.algorithm import tabular
from toolkit.algorithm.hyperparameters import check, declare
from toolkit.environment import Training, cpus
from toolkit.failure import UserError
from toolkit.train import leave, main

METRICS = (
    "RMSE MAE MedianAbsoluteError R2 AUC Accuracy Precision Recall F1 Logloss CrossEntropy MultiClass "
    "BalancedAccuracy"
)
DECLARED = declare(f"""
iterations             integer  [1, inf)     500
early_stopping_rounds  integer  (-inf, inf)  5
eval_metric            choice   {METRICS}    auto
objective              choice   regression binary multiclass  auto
learning_rate          number   (0, inf)     0.009
depth                  integer  [1, 16]      6
l2_leaf_reg            number   [0, inf)     3
random_strength        number   [0, inf)     1.0
max_leaves             integer  [2, 64]      31
rsm                    number   (0, 1]       1.0
sampling_frequency     choice   PerTreeLevel PerTree  PerTreeLevel
min_data_in_leaf       integer  [1, inf)     1
bagging_temperature    number   [0, inf)     1.0
boosting_type          choice   Ordered Plain  auto
scale_pos_weight       number   (0, inf)     1.0
max_bin                integer  [1, 65535]   auto
grow_policy            choice   SymmetricTree Depthwise Lossguide  SymmetricTree
random_seed            integer  [0, inf)     1
thread_count           integer  [-1, inf)    -1
verbose                integer  [0, inf)     1
""")
MODEL = "model.cbm"
PLACE = re.compile(r"^\S+\.(?:cpp|h):\d+: ")
"""The source line that CatBoost puts before what it has to say."""
STEERING = ("early_stopping_rounds", "objective", "thread_count", "verbose")
LOSSES = {
    "regression": ("RMSE", "RMSE"),
    "binary": ("Logloss", "AUC"),
    "multiclass": ("MultiClass", "MultiClass"),
}
"""The loss and the metric of each kind of problem."""


def train(job: Training) -> None:
    """Train on `train` or `training`, watch `validation`; leave the model in /opt/ml/model/model.cbm."""
    settings = check(job.hyperparameters, DECLARED)
    folder, table, held_out = tabular.read(job)
    labels = table[:, 0]
    kind = settings.text("objective") or tabular.objective(labels)
    tabular.check_labels(labels, kind)
    loss, metric = LOSSES[kind]
    parameters = {
        name: value
        for name, value in settings.values.items()
        if name not in STEERING and not name.startswith(("_", "force")) and value is not None
    }
    if settings.text("grow_policy") != "Lossguide":
        parameters.pop("max_leaves")  # CatBoost takes it for no other
    if settings.text("grow_policy") == "SymmetricTree":
        parameters.pop("min_data_in_leaf")
    if settings.text("grow_policy") == "Lossguide" and "sampling_frequency" not in job.hyperparameters:
        parameters.pop("sampling_frequency")  # the documented default is not for it; its own is PerTree
    if kind != "binary":
        parameters.pop("scale_pos_weight")
    threads = settings.integer("thread_count")
    parameters |= {
        "loss_function": loss,
        "eval_metric": settings.text("eval_metric", metric),
        "thread_count": threads if threads > 0 else cpus(),
        "allow_writing_files": False,
    }
    _fit(
        job,
        parameters,
        table,
        held_out,
        tabular.categories(folder, table.shape[1]),
        settings.integer("verbose"),
        settings.integer("early_stopping_rounds"),
    )


def _fit(
    job: Training,
    parameters: dict[str, Any],
    table: tabular.Floats,
    held_out: tabular.Floats,
    categories: list[int] | None,
    verbose: int,
    patience: int,
) -> None:
    from catboost import CatBoost, CatBoostError

    try:
        model = CatBoost(parameters)
        model.fit(
            _pool(table, categories),
            eval_set=_pool(held_out, categories),
            early_stopping_rounds=patience if patience > 0 else None,
            verbose=verbose,
        )
    except CatBoostError as wrong:
        raise UserError(f"CatBoost could not train: {PLACE.sub('', str(wrong))}") from wrong
    model.save_model(str(job.where.model / MODEL))


def _pool(table: tabular.Floats, categories: list[int] | None) -> Any:
    """Return rows as CatBoost wants them: categories are whole numbers or texts, never fractions."""
    from catboost import Pool

    if not categories:
        return Pool(table[:, 1:], table[:, 0])
    return Pool(texts(table[:, 1:], categories), table[:, 0], cat_features=categories)


def texts(features: tabular.Floats, categories: list[int]) -> Any:
    """Return rows in which categories are texts; a missing one is the empty text."""
    mixed = features.astype(object)
    for column in categories:
        mixed[:, column] = ["" if value != value else str(int(value)) for value in mixed[:, column]]
    return mixed


if __name__ == "__main__":
    leave(main(train, blames="AlgorithmError"))

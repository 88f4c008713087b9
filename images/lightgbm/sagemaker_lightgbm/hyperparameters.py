"""The documented hyperparameters of LightGBM."""

from __future__ import annotations

from collections.abc import Mapping

from toolkit.algorithm.hyperparameters import Settings, check, declare
from toolkit.contract import Json
from toolkit.failure import UserError

METRICS = (
    "rmse l1 l2 huber fair binary_logloss binary_error auc average_precision multi_logloss multi_error "
    "auc_mu cross_entropy"
)
DECLARED = declare(f"""
num_boost_round           integer  [1, inf)     100
early_stopping_rounds     integer  (-inf, inf)  10
metric                    choice   {METRICS}    auto
objective                 choice   regression binary multiclass tweedie  auto
learning_rate             number   (0, 1]       0.1
num_leaves                integer  (1, 131072]  64
feature_fraction          number   (0, 1]       0.9
bagging_fraction          number   (0, 1]       0.9
bagging_freq              integer  [0, inf)     1
max_depth                 integer  (-inf, inf)  6
min_data_in_leaf          integer  [0, inf)     3
max_delta_step            number   (-inf, inf)  0.0
lambda_l1                 number   [0, inf)     0.0
lambda_l2                 number   [0, inf)     0.0
boosting                  choice   gbdt rf dart goss  gbdt
min_gain_to_split         number   [0, inf)     0.0
scale_pos_weight          number   (0, inf)     1.0
tree_learner              choice   serial feature data voting  serial
feature_fraction_bynode   number   (0, 1]       1.0
is_unbalance              boolean  -            false
max_bin                   integer  (1, inf)     255
tweedie_variance_power    number   [1, 2)       1.5
num_threads               integer  [0, inf)     0
verbosity                 integer  (-inf, inf)  1
seed                      integer  [0, inf)     0
""")
STEERING = ("num_boost_round", "early_stopping_rounds", "metric", "objective", "num_threads", "tree_learner")


def read(given: Mapping[str, Json]) -> Settings:
    """Check every hyperparameter."""
    settings = check(given, DECLARED)
    if settings.flag("is_unbalance") and settings.number("scale_pos_weight") != 1:
        raise UserError("is_unbalance and scale_pos_weight cannot be used together; give one of them.")
    return settings

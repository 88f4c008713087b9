"""The documented hyperparameters of Linear Learner and how they fit together."""

from __future__ import annotations

from collections.abc import Mapping

from toolkit.algorithm.hyperparameters import Settings, check, declare
from toolkit.contract import Json
from toolkit.failure import UserError

CRITERIA = (
    "accuracy f_beta f1 precision_at_target_recall recall_at_target_precision "
    "cross_entropy_loss loss_function"
)
LOSSES = {
    "binary_classifier": ("logistic", "hinge_loss"),
    "multiclass_classifier": ("softmax_loss",),
    "regressor": (
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
ALL_LOSSES = " ".join(loss for losses in LOSSES.values() for loss in losses)
DECLARED = declare(f"""
predictor_type                  choice   binary_classifier multiclass_classifier regressor  required
num_classes                     integer  [1, 1000000]  -
feature_dim                     integer  [1, inf)  auto
accuracy_top_k                  integer  [1, inf)  3
balance_multiclass_weights      boolean  -         false
beta_1                          number   [0, 1)    auto
beta_2                          number   [0, 1)    auto
bias_lr_mult                    number   (0, inf)  auto
bias_wd_mult                    number   [0, inf)  auto
binary_classifier_model_selection_criteria  choice  {CRITERIA}  accuracy
early_stopping_patience         integer  [1, inf)  3
early_stopping_tolerance        number   [0, inf)  0.001
epochs                          integer  [1, inf)  15
f_beta                          number   (0, inf)  1.0
huber_delta                     number   [0, inf)  1.0
init_bias                       number   (-inf, inf)  0
init_method                     choice   uniform normal  uniform
init_scale                      number   (0, inf)  0.07
init_sigma                      number   (0, inf)  0.01
l1                              number   [0, inf)  auto
learning_rate                   number   (0, inf)  auto
loss                            choice   {ALL_LOSSES}  auto
loss_insensitivity              number   (0, inf)  0.01
lr_scheduler_factor             number   (0, 1)    auto
lr_scheduler_minimum_lr         number   (0, inf)  auto
lr_scheduler_step               integer  [1, inf)  auto
margin                          number   [0, inf)  1.0
mini_batch_size                 integer  [1, inf)  1000
momentum                        number   [0, 1)    auto
normalize_data                  boolean  -         auto
normalize_label                 boolean  -         auto
num_calibration_samples         integer  [1, inf)  auto
num_models                      integer  [1, inf)  auto
num_point_for_scaler            integer  [1, inf)  10000
optimizer                       choice   sgd adam rmsprop  auto
positive_example_weight_mult    weight   -         1.0
quantile                        number   (0, 1)    0.5
target_precision                number   (0, 1)    0.8
target_recall                   number   (0, 1)    0.8
unbias_data                     boolean  -         auto
unbias_label                    boolean  -         auto
use_bias                        boolean  -         true
use_lr_scheduler                boolean  -         true
wd                              number   [0, inf)  auto
""")
DEFAULT_LOSS = {
    "binary_classifier": "logistic",
    "multiclass_classifier": "softmax_loss",
    "regressor": "squared_loss",
}


def read(given: Mapping[str, Json]) -> Settings:
    """Check every hyperparameter; `loss` comes back resolved."""
    settings = check(given, DECLARED)
    kind = settings.text("predictor_type")
    if kind == "multiclass_classifier" and settings.integer("num_classes") < 3:
        raise UserError(
            f"num_classes is {settings.values.get('num_classes', 'not given')}; a multiclass_classifier "
            f"requires an integer in [3, 1000000]."
        )
    loss = settings.text("loss", DEFAULT_LOSS[kind])
    if loss not in LOSSES[kind]:
        raise UserError(f"The loss {loss!r} is not for a {kind}, which takes {', '.join(LOSSES[kind])}.")
    _check_weight(settings.text("positive_example_weight_mult"))
    return Settings({**settings.values, "loss": loss})


def _check_weight(written: str) -> None:
    try:
        valid = written in ("balanced", "auto") or float(written) > 0
    except ValueError:
        valid = False
    if not valid:
        raise UserError(
            f"The value {written!r} is not valid for the 'positive_example_weight_mult' hyperparameter which "
            f"expects a number in (0, ∞), 'balanced' or 'auto'."
        )

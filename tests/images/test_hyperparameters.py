"""The built-in XGBoost's hyperparameters are checked before training, each with a text that says what is
right."""

from __future__ import annotations

import pytest
from sagemaker_xgboost import hyperparameters
from toolkit.failure import UserError


def test_what_goes_to_xgboost_is_separate_from_what_steers_the_training() -> None:
    found = hyperparameters.check(
        {
            "num_round": 10,
            "learning_rate": "0.1",
            "objective": "reg:linear",
            "eval_metric": "rmse,mae",
            "csv_weights": 1,
            "early_stopping_rounds": 3,
            "_tuning_objective_metric": "validation:r2",
            "monotone_constraints": "(1,0,-1)",
            "tree_method": "hist",
            "predictor": "cpu_predictor",
        }
    )
    assert found.booster == {
        "eta": 0.1,
        "objective": "reg:squarederror",
        "monotone_constraints": "(1,0,-1)",
        "tree_method": "hist",
    }
    assert (found.rounds, found.metrics, found.early_stopping, found.csv_weights) == (
        10,
        ["rmse", "mae", "r2"],
        3,
        True,
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "Missing required hyperparameter: num_round"),
        ({"num_round": 0}, "Hyperparameter num_round: 0 is not in the range [1, ∞)."),
        ({"num_round": "ten"}, "Hyperparameter num_round: 'ten' is not an integer."),
        ({"num_round": 1, "eta": "1.5"}, "Hyperparameter eta: 1.5 is not in the range [0, 1]."),
        ({"num_round": 1, "eta": "nan"}, "Hyperparameter eta: nan is not in the range"),
        ({"num_round": 1, "subsample": 0}, "Hyperparameter subsample: 0 is not in the range (0, 1]."),
        ({"num_round": 1, "nun_round": 2}, "Extraneous hyperparameter found: nun_round. Known: aft_loss"),
        ({"num_round": 1, "_kfold": 5}, "Extraneous hyperparameter found: _kfold."),
        ({"num_round": 1, "silent": 0}, "From 1.2 on, verbosity takes the place of silent. Known: "),
        ({"num_round": 1, "booster": "tree"}, "'tree' is not one of gbtree, gblinear, dart."),
        ({"num_round": 1, "objective": "multi:softmax"}, "requires the hyperparameter num_class"),
        (
            {"num_round": 1, "num_class": 3},
            "num_class is for the objectives multi:softmax and multi:softprob",
        ),
        ({"num_round": 1, "eval_metric": "accurracy"}, "'accurracy' is not one of"),
        ({"num_round": 1, "eval_metric": "error@x"}, "'x' in 'error@x' is not a number"),
        ({"num_round": 1, "eval_metric": "auc"}, "The metric 'auc' is for classification and ranking"),
        ({"num_round": 1, "monotone_constraints": "(1,)"}, "only with the tree_method 'exact' or 'hist'"),
        ({"num_round": 1, "monotone_constraints": "x", "tree_method": "hist"}, "write it like '(1, 0, -1)'"),
        (
            {"num_round": 1, "interaction_constraints": "[0]", "tree_method": "hist"},
            "write it like '[[0, 1], [2, 3]]'",
        ),
        ({"num_round": 1, "tree_method": "gpu_hist"}, "Use 'hist'."),
        ({"num_round": 1, "booster": "gblinear", "updater": "prune"}, "'shotgun' or 'coord_descent'"),
    ],
)
def test_a_wrong_hyperparameter_is_named_with_what_would_be_right(
    given: dict[str, int | str], reason: str
) -> None:
    with pytest.raises(UserError) as wrong:
        hyperparameters.check(dict(given))
    assert reason in str(wrong.value)


@pytest.mark.parametrize(
    ("given", "booster"),
    [
        ({"silent": "0"}, {}),
        ({"silent": "1"}, {"verbosity": 0}),
        ({"silent": "1", "verbosity": "2"}, {"verbosity": 2}),
    ],
)
def test_containers_before_1_2_take_silent(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], booster: dict[str, int]
) -> None:
    for tag in ("1", "0.90-2", "1.0-1"):
        monkeypatch.setenv("TOOLKIT_IMAGE_TAG", tag)
        assert hyperparameters.check({"num_round": 1, **given}).booster == booster

"""SageMaker SDK 2.x: a tuner's strategies and ends, over the built-in XGBoost: … TRAIN.csv [PART …].

https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-early-stopping.html
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-autotune.html
https://docs.aws.amazon.com/sagemaker/latest/dg/multiple-algorithm-hpo.html
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.tuner import (
    CategoricalParameter,
    ContinuousParameter,
    HyperbandStrategyConfig,
    HyperparameterTuner,
    InstanceConfig,
    IntegerParameter,
    StrategyConfig,
    TuningJobCompletionCriteriaConfig,
)

METRIC = "validation:logloss"
RANGES = {"eta": ContinuousParameter(0.05, 0.5), "max_depth": IntegerParameter(2, 8)}


def main(train: Path, parts: list[str]) -> None:
    """Run the parts named, or all of them."""
    session = sagemaker.Session()
    data = session.upload_data(str(train), session.default_bucket(), "stories/strategies")
    channel = TrainingInput(data, content_type="text/csv")
    inputs = {"train": channel, "validation": channel}
    made = {
        "hyperband": hyperband,
        "early": early,
        "grid": grid,
        "autotune": autotune,
        "criteria": criteria,
        "instances": instances,
    }
    for part in parts or [*made, "several", "stop"]:
        if part == "several":
            tuner = several(session)
            tuner.fit({"deep": inputs, "wide": inputs}, job_name="story-several", include_cls_metadata={})
        elif part == "stop":
            tuner = plain(session, max_jobs=40)
            tuner.fit(inputs, job_name="story-stop", wait=False)
            tuner.stop_tuning_job()
            tuner.wait()
        else:
            tuner = made[part](session)
            tuner.fit(inputs, job_name=f"story-{part}")
        told = tuner.describe()
        jobs = told["TrainingJobStatusCounters"]
        print("TUNED", part, told["HyperParameterTuningJobStatus"], jobs["Completed"] + jobs["Stopped"])
        if part == "several":
            frame = tuner.analytics().dataframe()
            names = sorted(set(frame["TrainingJobDefinitionName"]))
            print("DEFINITIONS", *names, "BEST", tuner.best_estimator().hyperparameters()["booster"])


def estimator(session: sagemaker.Session, **values: object) -> Estimator:
    """Return the built-in XGBoost."""
    return Estimator(
        sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        sagemaker.get_execution_role(),
        instance_count=1,
        instance_type="ml.m5.large",
        hyperparameters={"num_round": 9, "objective": "binary:logistic", **values},
        sagemaker_session=session,
    )


def plain(session: sagemaker.Session, **options: Any) -> HyperparameterTuner:
    """Return a tuner, of the options given."""
    settings = {"max_jobs": 4, "max_parallel_jobs": 2, "random_seed": 3, **options}
    return HyperparameterTuner(estimator(session), METRIC, RANGES, objective_type="Minimize", **settings)


def hyperband(session: sagemaker.Session) -> HyperparameterTuner:
    """Let Hyperband stop what does badly."""
    config = StrategyConfig(HyperbandStrategyConfig(max_resource=9, min_resource=1))
    return plain(session, strategy="Hyperband", strategy_config=config)


def early(session: sagemaker.Session) -> HyperparameterTuner:
    """Stop training jobs early."""
    return plain(session, early_stopping_type="Auto")


def grid(session: sagemaker.Session) -> HyperparameterTuner:
    """Try every combination."""
    ranges = {
        "booster": CategoricalParameter(["gbtree", "dart"]),
        "tree_method": CategoricalParameter(["hist", "exact"]),
    }
    return HyperparameterTuner(
        estimator(session),
        METRIC,
        ranges,
        strategy="Grid",
        objective_type="Minimize",
        max_jobs=4,  # left out, the SDK sends null, which its own client refuses
        max_parallel_jobs=2,
    )


def autotune(session: sagemaker.Session) -> HyperparameterTuner:
    """Leave the ranges to the tuner."""
    return HyperparameterTuner(
        estimator(session, eta=0.2, max_depth=4),
        METRIC,
        {},
        objective_type="Minimize",
        autotune=True,
        hyperparameters_to_keep_static=["num_round", "objective"],
        max_jobs=3,
        max_parallel_jobs=2,
    )


def criteria(session: sagemaker.Session) -> HyperparameterTuner:
    """End once a target is reached, or nothing gets better."""
    config = TuningJobCompletionCriteriaConfig(
        max_number_of_training_jobs_not_improving=5,
        complete_on_convergence=True,
        target_objective_metric_value=0.69,
    )
    return plain(session, max_jobs=20, completion_criteria_config=config)


def instances(session: sagemaker.Session) -> HyperparameterTuner:
    """Let each training job take one of several instance types."""
    tuner = plain(session)
    tuner.override_resource_config(
        [InstanceConfig(1, "ml.m5.large", 30), InstanceConfig(1, "ml.m5.xlarge", 30)]
    )
    return tuner


def several(session: sagemaker.Session) -> HyperparameterTuner:
    """Tune two algorithms in one job."""
    return HyperparameterTuner.create(
        estimator_dict={
            "deep": estimator(session, booster="gbtree"),
            "wide": estimator(session, booster="gblinear"),
        },
        objective_metric_name_dict={"deep": METRIC, "wide": METRIC},
        hyperparameter_ranges_dict={"deep": RANGES, "wide": {"lambda": ContinuousParameter(0.1, 10)}},
        objective_type="Minimize",
        strategy="Random",
        max_jobs=4,
        max_parallel_jobs=2,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

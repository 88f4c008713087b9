"""SageMaker SDK 2.x: a tuner over the built-in XGBoost, its analytics, a warm start: python … TRAIN.csv."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.tuner import (
    CategoricalParameter,
    ContinuousParameter,
    HyperparameterTuner,
    IntegerParameter,
    WarmStartConfig,
    WarmStartTypes,
)


def main(train: Path) -> None:
    """Tune, look at the frame, tune again from there, and deploy nothing."""
    session = sagemaker.Session()
    data = session.upload_data(str(train), session.default_bucket(), "stories/tuner")
    channel = TrainingInput(data, content_type="text/csv")
    inputs = {"train": channel, "validation": channel}
    tuner = tuned(session, "Bayesian", None)
    tuner.fit(inputs, job_name="story-tuner", wait=True)
    frame = tuner.analytics().dataframe()
    print("COLUMNS", json.dumps(sorted(frame.columns)))
    print("SCORES", json.dumps(sorted(frame["FinalObjectiveValue"].tolist())))
    print("BEST", tuner.best_training_job())
    print("ESTIMATOR", tuner.best_estimator().model_data)
    parents = WarmStartConfig(WarmStartTypes.IDENTICAL_DATA_AND_ALGORITHM, parents={"story-tuner"})
    child = tuned(session, "Random", parents)
    child.fit(inputs, job_name="story-tuner-child", wait=True)
    print("ATTACHED", HyperparameterTuner.attach("story-tuner-child").objective_metric_name)


def tuned(
    session: sagemaker.Session, strategy: str, warm_start: WarmStartConfig | None
) -> HyperparameterTuner:
    """Return a tuner of two parallel jobs."""
    estimator = Estimator(
        sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        sagemaker.get_execution_role(),
        instance_count=1,
        instance_type="ml.m5.large",
        output_path=f"s3://{session.default_bucket()}/stories/tuner/out",
        hyperparameters={"num_round": 8, "objective": "binary:logistic"},
        sagemaker_session=session,
    )
    return HyperparameterTuner(
        estimator,
        "validation:logloss",
        {
            "eta": ContinuousParameter(0.05, 0.5, scaling_type="Logarithmic"),
            "max_depth": IntegerParameter(2, 8),
            "booster": CategoricalParameter(["gbtree", "dart"]),
        },
        objective_type="Minimize",
        strategy=strategy,
        max_jobs=4,
        max_parallel_jobs=2,
        warm_start_config=warm_start,
        random_seed=5,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""SageMaker SDK 2.x: a tuner over the built-in XGBoost: its frame, its best model, warm starts: … TRAIN.csv.

https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-ex.html
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-warm-start.html
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.analytics import HyperparameterTuningJobAnalytics
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer
from sagemaker.tuner import (
    CategoricalParameter,
    ContinuousParameter,
    HyperparameterTuner,
    IntegerParameter,
    WarmStartConfig,
    WarmStartTypes,
)


def main(train: Path) -> None:
    """Tune, look at the frame, deploy the best, and tune again from there in each of the three ways."""
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
    predictor = tuner.deploy(1, "ml.m5.large", serializer=CSVSerializer())
    rows = [[float(value) for value in line.split(",")[1:]] for line in train.read_text().splitlines()[:3]]
    print("PREDICTS", predictor.predict(rows).decode().strip().replace("\n", ","))
    predictor.delete_endpoint()
    parents = WarmStartConfig(WarmStartTypes.IDENTICAL_DATA_AND_ALGORITHM, parents={"story-tuner"})
    child = tuned(session, "Random", parents)
    child.fit(inputs, job_name="story-tuner-child", wait=True)
    attached = HyperparameterTuner.attach("story-tuner-child", sagemaker_session=session)
    print("ATTACHED", attached.objective_metric_name)
    same = attached.identical_dataset_and_algorithm_tuner(additional_parents={"story-tuner"})
    same.fit(inputs, job_name="story-tuner-same", wait=True)
    other = tuner.transfer_learning_tuner()
    other.fit(inputs, job_name="story-tuner-other", wait=True)
    found = HyperparameterTuningJobAnalytics("story-tuner-other", session).training_job_summaries()
    print("SUMMARIES", len(found))


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

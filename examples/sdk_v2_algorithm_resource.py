"""SageMaker SDK 2.x: an algorithm resource that trains, deploys and is tuned: python … TRAIN.csv.

TRAIN.csv has no header and the label in its first column. Nothing here knows where the server is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sagemaker
from sagemaker.algorithm import AlgorithmEstimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner

INSTANCE = "ml.m5.large"
NAME = "phishing-trees"
METRIC = "validation:logloss"


def main(train: Path) -> None:
    """Create the algorithm, train and deploy with it, refuse what it forbids, tune it."""
    session = sagemaker.Session()
    role, bucket = sagemaker.get_execution_role(), session.default_bucket()
    session.sagemaker_client.create_algorithm(
        **algorithm(sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"))
    )
    data = TrainingInput(
        session.upload_data(str(train), bucket, "examples/algorithm"), content_type="text/csv"
    )
    estimator = AlgorithmEstimator(
        NAME, role=role, instance_count=1, instance_type=INSTANCE, sagemaker_session=session
    )
    estimator.set_hyperparameters(num_round=10, objective="binary:logistic", eval_metric="logloss")
    estimator.fit({"train": data, "validation": data})
    predictor = estimator.deploy(1, INSTANCE, serializer=CSVSerializer())
    rows = [[float(value) for value in line.split(",")[1:]] for line in train.read_text().splitlines()[:3]]
    print("PREDICTS", predictor.predict(rows).decode().strip().replace("\n", ","))
    predictor.delete_model()
    predictor.delete_endpoint()
    tuner = HyperparameterTuner(
        estimator,
        METRIC,
        {"eta": ContinuousParameter(0.1, 0.5)},
        objective_type="Minimize",
        max_jobs=2,
        max_parallel_jobs=1,
        base_tuning_job_name=NAME,  # or the SDK asks the estimator for its image, and it has none
    )
    tuner.fit({"train": data, "validation": data})
    tuner.wait()
    print("BEST", tuner.best_training_job())


def algorithm(image: str) -> dict[str, object]:
    """Return the CreateAlgorithm request: XGBoost with a few of its hyperparameters."""
    channel = {"SupportedContentTypes": ["text/csv"], "SupportedInputModes": ["File"]}
    span = {"ContinuousParameterRangeSpecification": {"MinValue": "0", "MaxValue": "1"}}
    return {
        "AlgorithmName": NAME,
        "TrainingSpecification": {
            "TrainingImage": image,
            "SupportedTrainingInstanceTypes": [INSTANCE],
            "TrainingChannels": [
                {"Name": "train", "IsRequired": True, **channel},
                {"Name": "validation", **channel},
            ],
            "SupportedHyperParameters": [
                {"Name": "num_round", "Type": "Integer", "IsRequired": True},
                {"Name": "eta", "Type": "Continuous", "Range": span, "IsTunable": True},
                {"Name": "objective", "Type": "FreeText"},
                {"Name": "eval_metric", "Type": "FreeText"},
                {"Name": "max_depth", "Type": "Integer", "DefaultValue": "4"},
            ],
            "MetricDefinitions": [
                {"Name": METRIC, "Regex": r"validation-logloss[:=]([0-9.]+)"},
            ],
            "SupportedTuningJobObjectiveMetrics": [{"Type": "Minimize", "MetricName": METRIC}],
        },
        "InferenceSpecification": {
            "Containers": [{"Image": image}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
            "SupportedRealtimeInferenceInstanceTypes": [INSTANCE],
        },
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""SageMaker SDK 2.x: train, deploy, predict, delete with three images: python sdk_v2.py TRAIN.csv.

TRAIN.csv has no header and the label in its first column. Nothing here knows where the server is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.pytorch import PyTorch
from sagemaker.serializers import CSVSerializer, JSONSerializer
from sagemaker.sklearn import SKLearn

CODE = Path(__file__).resolve().parent / "code"
INSTANCE = "ml.m5.large"


def main(train: Path) -> None:
    """Run the three of them, one after the other."""
    session = sagemaker.Session()
    role, bucket = sagemaker.get_execution_role(), session.default_bucket()
    print("account", session.account_id(), "bucket", bucket, "role", role)
    data = session.upload_data(str(train), bucket, "examples/v2")
    rows = [line.split(",")[1:] for line in train.read_text().splitlines()[:5]]
    for estimator in (xgboost(session, role), sklearn(session, role), pytorch(session, role)):
        name = type(estimator).__name__
        estimator.fit({"train": TrainingInput(data, content_type="text/csv")})
        built_in = name == "Estimator"
        predictor: Predictor = estimator.deploy(
            initial_instance_count=1,
            instance_type=INSTANCE,
            serializer=CSVSerializer() if built_in else JSONSerializer(),
            deserializer=None if built_in else JSONDeserializer(),
        )
        numbers = [[float(value) for value in row] for row in rows]
        print(name, "predicts", predictor.predict(numbers))
        predictor.delete_model()
        predictor.delete_endpoint()


def xgboost(session: sagemaker.Session, role: str) -> Estimator:
    """Return the built-in algorithm: an image and hyperparameters, no code."""
    image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
    return Estimator(
        image_uri=image,
        role=role,
        instance_count=1,
        instance_type=INSTANCE,
        hyperparameters={"objective": "binary:logistic", "num_round": 20, "eval_metric": "auc"},
        sagemaker_session=session,
    )


def sklearn(session: sagemaker.Session, role: str) -> SKLearn:
    """Return an own script on the scikit-learn image, with a metric read from its log."""
    return SKLearn(
        entry_point="train_sklearn.py",
        source_dir=str(CODE),
        framework_version="1.2-1",
        role=role,
        instance_type=INSTANCE,
        hyperparameters={"n-estimators": 20},
        metric_definitions=[{"Name": "train:accuracy", "Regex": "train:accuracy=(.*?);"}],
        sagemaker_session=session,
    )


def pytorch(session: sagemaker.Session, role: str) -> PyTorch:
    """Return an own script on the PyTorch image."""
    return PyTorch(
        entry_point="train_pytorch.py",
        source_dir=str(CODE),
        framework_version="2.5.1",
        py_version="py311",
        role=role,
        instance_count=1,
        instance_type=INSTANCE,
        hyperparameters={"epochs": 20},
        metric_definitions=[{"Name": "loss", "Regex": "loss=(.*?);"}],
        sagemaker_session=session,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""SageMaker SDK 2.x: own scripts, by XGBoost's framework class and as a shell script: … TRAIN.csv.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html
https://docs.aws.amazon.com/sagemaker/latest/dg/docker-containers-adapt-your-own.html
"""

from __future__ import annotations

import sys
from pathlib import Path

import sagemaker
from sagemaker.inputs import TrainingInput
from sagemaker.pytorch import PyTorch
from sagemaker.serializers import CSVSerializer
from sagemaker.xgboost import XGBoost, XGBoostModel

CODE = Path(__file__).resolve().parent / "code"
INSTANCE = "ml.m5.large"


def main(train: Path) -> None:
    """Train, deploy and ask the one; train the other."""
    session = sagemaker.Session()
    role = sagemaker.get_execution_role()
    data = session.upload_data(str(train), session.default_bucket(), "stories/script")
    channel = TrainingInput(data, content_type="text/csv")
    estimator = XGBoost(
        entry_point="train_xgboost.py",
        source_dir=str(CODE),
        framework_version="1.7-1",
        role=role,
        instance_count=1,
        instance_type=INSTANCE,
        hyperparameters={"num_round": 12, "objective": "binary:logistic"},
        sagemaker_session=session,
    )
    estimator.fit({"train": channel})
    model = XGBoostModel(
        model_data=estimator.model_data,
        entry_point="train_xgboost.py",
        source_dir=str(CODE),
        framework_version="1.7-1",
        role=role,
        sagemaker_session=session,
    )
    predictor = model.deploy(1, INSTANCE, serializer=CSVSerializer())
    rows = [[float(value) for value in line.split(",")[1:]] for line in train.read_text().splitlines()[:3]]
    print("\nPREDICTS", predictor.predict(rows))
    predictor.delete_model()
    predictor.delete_endpoint()
    shell = PyTorch(
        entry_point="train.sh",
        source_dir=str(CODE),
        framework_version="2.5.1",
        py_version="py311",
        role=role,
        instance_count=1,
        instance_type=INSTANCE,
        hyperparameters={"epochs": 3},
        sagemaker_session=session,
    )
    shell.fit({"train": channel})


if __name__ == "__main__":
    main(Path(sys.argv[1]))

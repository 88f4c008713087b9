"""SageMaker SDK 2.x: many models on one endpoint, added while it serves: python v2_multi_model.py DATA.

https://sagemaker.readthedocs.io/en/stable/overview.html#sagemaker-multi-model-endpoints
https://docs.aws.amazon.com/sagemaker/latest/dg/create-multi-model-endpoint.html
https://docs.aws.amazon.com/sagemaker/latest/dg/add-models-to-endpoint.html
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearn

INSTANCE = "ml.m5.large"


def main(train: Path) -> None:
    """DATA has no header and the label in its first column."""
    session = sagemaker.Session()
    bucket = session.default_bucket()
    data = session.upload_data(str(train), bucket, "stories/many/train")
    rows = [[float(value) for value in line.split(",")[1:]] for line in train.read_text().splitlines()[:3]]
    xgboost(session, data, rows, f"s3://{bucket}/stories/many/xgboost/")
    sklearn(session, data, rows, f"s3://{bucket}/stories/many/sklearn/")


def xgboost(session: sagemaker.Session, data: str, rows: list[list[float]], prefix: str) -> None:
    """Serve models of the built-in algorithm, made of what several trainings left."""
    image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
    artefacts = [trained(session, image, data, rounds) for rounds in (1, 20)]
    many = MultiDataModel(
        name="many-boosters",
        model_data_prefix=prefix,
        image_uri=image,
        role=sagemaker.get_execution_role(),
        sagemaker_session=session,
    )
    many.deploy(initial_instance_count=1, instance_type=INSTANCE, endpoint_name="many-boosters")
    predictor = Predictor(
        "many-boosters", session, serializer=CSVSerializer(), deserializer=CSVDeserializer()
    )
    print("\nbefore", json.dumps(sorted(many.list_models())))
    many.add_model(model_data_source=artefacts[0], model_data_path="short.tar.gz")
    short = predictor.predict(rows, target_model="short.tar.gz")
    many.add_model(model_data_source=artefacts[1], model_data_path="long/model.tar.gz")
    print("models", json.dumps(sorted(many.list_models())))
    long = predictor.predict(rows, target_model="long/model.tar.gz")
    print("short", json.dumps(short))
    print("long", json.dumps(long))
    print("again", predictor.predict(rows, target_model="short.tar.gz") == short)
    predictor.delete_endpoint()


def trained(session: sagemaker.Session, image: str, data: str, rounds: int) -> str:
    """Train a booster and return where it is."""
    estimator = Estimator(
        image_uri=image,
        role=sagemaker.get_execution_role(),
        instance_count=1,
        instance_type=INSTANCE,
        hyperparameters={"objective": "binary:logistic", "num_round": rounds},
        sagemaker_session=session,
    )
    estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, logs=False)
    return str(estimator.model_data)


def sklearn(session: sagemaker.Session, data: str, rows: list[list[float]], prefix: str) -> None:
    """Serve models of a framework, whose script all of them share."""
    estimator = SKLearn(
        entry_point=str(Path(__file__).with_name("code") / "standardise.py"),
        framework_version="1.2-1",
        role=sagemaker.get_execution_role(),
        instance_type=INSTANCE,
        sagemaker_session=session,
    )
    estimator.fit({"train": data}, logs=False)
    many = MultiDataModel(
        name="many-scalers",
        model_data_prefix=prefix,
        model=estimator.create_model(),
        sagemaker_session=session,
    )
    predictor = many.deploy(
        initial_instance_count=1,
        instance_type=INSTANCE,
        serializer=CSVSerializer(),
        deserializer=CSVDeserializer(),
    )
    for city in ("houston", "new-york"):
        many.add_model(model_data_source=estimator.model_data, model_data_path=city)
    names = sorted(many.list_models())
    print("\nscalers", json.dumps(names))
    answers = [predictor.predict(rows, target_model=name) for name in names]
    print("scaled", answers[0] == answers[1], len(answers[0]))
    predictor.delete_endpoint()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

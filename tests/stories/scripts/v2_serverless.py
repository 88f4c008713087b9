"""SageMaker SDK 2.x: serverless inference, with provisioned concurrency too: python v2_serverless.py DATA.

https://sagemaker.readthedocs.io/en/stable/overview.html#sagemaker-serverless-inference
https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-create.html
https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-autoscale.html
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3
import sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer
from sagemaker.serverless import ServerlessInferenceConfig

INSTANCE = "ml.m5.large"


def main(train: Path) -> None:
    """DATA has no header and the label in its first column."""
    session = sagemaker.Session()
    bucket = session.default_bucket()
    rows = [[float(value) for value in line.split(",")[1:]] for line in train.read_text().splitlines()[:5]]
    estimator = xgboost(session)
    data = session.upload_data(str(train), bucket, "stories/serverless/train")
    estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, logs=False)
    predictor = estimator.deploy(
        serverless_inference_config=ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=10),
        serializer=CSVSerializer(),
        deserializer=CSVDeserializer(),
    )
    print("\npredicted", json.dumps(predictor.predict(rows)))
    print("serverless", json.dumps(described(predictor.endpoint_name)))
    update(predictor.endpoint_name)
    print("updated", json.dumps(described(predictor.endpoint_name)))
    runtime = boto3.client("sagemaker-runtime")
    text = "\n".join(",".join(str(value) for value in row) for row in rows)
    answer = runtime.invoke_endpoint(
        EndpointName=predictor.endpoint_name, ContentType="text/csv", Accept="text/csv", Body=text
    )
    print("invoked", json.dumps(answer["Body"].read().decode()))
    predictor.delete_endpoint()


def xgboost(session: sagemaker.Session) -> Estimator:
    """Return an estimator of the built-in XGBoost."""
    image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
    estimator = Estimator(image, sagemaker.get_execution_role(), 1, INSTANCE, sagemaker_session=session)
    estimator.set_hyperparameters(objective="binary:logistic", num_round=5)
    return estimator


def described(name: str) -> dict[str, int]:
    """Return the configuration that an endpoint serves with."""
    [variant] = boto3.client("sagemaker").describe_endpoint(EndpointName=name)["ProductionVariants"]
    found: dict[str, int] = variant["CurrentServerlessConfig"]
    return found


def update(name: str) -> None:
    """Give an endpoint provisioned concurrency, with a configuration of boto3's."""
    client = boto3.client("sagemaker")
    now = client.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    [variant] = client.describe_endpoint_config(EndpointConfigName=now)["ProductionVariants"]
    client.create_endpoint_config(
        EndpointConfigName=f"{name}-provisioned",
        ProductionVariants=[
            {
                "ModelName": variant["ModelName"],
                "VariantName": "AllTraffic",
                "ServerlessConfig": {
                    "MemorySizeInMB": 2048,
                    "MaxConcurrency": 20,
                    "ProvisionedConcurrency": 1,
                },
            }
        ],
    )
    client.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-provisioned")
    client.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})


if __name__ == "__main__":
    main(Path(sys.argv[1]))

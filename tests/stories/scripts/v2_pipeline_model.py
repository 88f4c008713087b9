"""SageMaker SDK 2.x: an inference pipeline, deployed, captured, updated: python v2_pipeline_model.py DATA.

https://docs.aws.amazon.com/sagemaker/latest/dg/inference-pipelines.html
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-canary.html
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearn

INSTANCE = "ml.m5.large"


def main(train: Path) -> None:
    """DATA has no header and the label in its first column."""
    session = sagemaker.Session()
    role, bucket = sagemaker.get_execution_role(), session.default_bucket()
    data = session.upload_data(str(train), bucket, "stories/pipeline/train")
    scaler = SKLearn(
        entry_point=str(Path(__file__).with_name("code") / "standardise.py"),
        framework_version="1.2-1",
        role=role,
        instance_type=INSTANCE,
        sagemaker_session=session,
    )
    scaler.fit({"train": data}, logs=False)
    transformer = scaler.transformer(1, INSTANCE, assemble_with="Line", accept="text/csv")
    transformer.transform(data, content_type="text/csv", split_type="Line", logs=False)
    estimator = Estimator(
        image_uri=sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        role=role,
        instance_count=1,
        instance_type=INSTANCE,
        hyperparameters={"objective": "binary:logistic", "num_round": 10},
        sagemaker_session=session,
    )
    estimator.fit({"train": TrainingInput(transformer.output_path, content_type="text/csv")}, logs=False)
    model = PipelineModel(
        models=[scaler.create_model(), estimator.create_model()], role=role, sagemaker_session=session
    )
    to = f"s3://{bucket}/stories/pipeline/captured"
    model.deploy(
        1,
        INSTANCE,
        data_capture_config=DataCaptureConfig(True, 100, to, sagemaker_session=session),
    )
    predictor = Predictor(
        model.endpoint_name, session, serializer=CSVSerializer(), deserializer=CSVDeserializer()
    )
    rows = [line.split(",") for line in train.read_text().splitlines()]
    scores = [float(predictor.predict(",".join(row[1:]))[0][0]) for row in rows[:50]]
    right = sum((score > 0.5) == (float(row[0]) > 0.5) for score, row in zip(scores, rows, strict=False))
    print("right", right)
    print("captured", json.dumps(captured(session, to)))
    updated(session, model.endpoint_name)
    print("again", float(predictor.predict(",".join(rows[0][1:]))[0][0]) == scores[0])
    predictor.delete_endpoint()


def captured(session: sagemaker.Session, to: str) -> list[str]:
    """Return what was captured of the calls, once it is there: first what went in, and what came out."""
    until = time.monotonic() + 300
    while not (files := S3Downloader.list(to, session)) and time.monotonic() < until:
        time.sleep(1)
    call = json.loads(S3Downloader.read_file(files[0], session).splitlines()[0])["captureData"]
    return [call["endpointInput"]["encoding"], call["endpointOutput"]["observedContentType"]]


def updated(session: sagemaker.Session, name: str) -> None:
    """Turn the calls over to new hosts, a canary first."""
    client = session.sagemaker_client
    config = client.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    policy = {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 30},
            "WaitIntervalInSeconds": 2,
        },
        "TerminationWaitInSeconds": 0,
    }
    client.update_endpoint(
        EndpointName=name,
        EndpointConfigName=config,
        DeploymentConfig={"BlueGreenUpdatePolicy": policy},
    )
    client.get_waiter("endpoint_in_service").wait(EndpointName=name)
    told = client.describe_endpoint(EndpointName=name)
    print("deployed", list(told["LastDeploymentConfig"]), told["DataCaptureConfig"]["CaptureStatus"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))

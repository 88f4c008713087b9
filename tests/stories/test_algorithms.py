"""The built-in algorithms on a real server: jobs, endpoints and predictions, with boto3 and SDK 2.x."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import DATA, DEMO_LOCK, ROOT, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
REGISTRY = "382416733822.dkr.ecr.us-east-1.amazonaws.com"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "sagemaker-us-east-1-000000000000"


def test_linear_learner_trains_deploys_and_predicts_through_boto3(clary: Clary) -> None:
    rows = [line.split(",") for line in DATA.read_text().splitlines()[1:]]
    body = "".join(",".join([row[-1], *row[:-1]]) + "\n" for row in rows)
    for channel in ("train", "test"):
        clary.client("s3").put_object(Bucket=BUCKET, Key=f"ll/{channel}/{channel}.csv", Body=body.encode())
    sagemaker = clary.client("sagemaker")
    image = f"{REGISTRY}/linear-learner:1"
    sagemaker.create_training_job(
        TrainingJobName="linear",
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        HyperParameters={"predictor_type": "binary_classifier", "epochs": "10"},
        InputDataConfig=[
            {
                "ChannelName": channel,
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/ll/{channel}/"}
                },
            }
            for channel in ("train", "test")
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/ll/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName="linear", WaiterConfig={"Delay": 1, "MaxAttempts": 300}
    )
    job = sagemaker.describe_training_job(TrainingJobName="linear")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    metrics = {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]}
    assert metrics["test:binary_classification_accuracy"] > 0.8
    container = {"Image": image, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName="linear", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {
        "VariantName": "all",
        "ModelName": "linear",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(EndpointConfigName="linear", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="linear", EndpointConfigName="linear")
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName="linear", WaiterConfig={"Delay": 1, "MaxAttempts": 300}
    )
    answer = clary.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="linear", ContentType="text/csv", Body=",".join(rows[0][:-1]).encode()
    )
    [told] = json.loads(answer["Body"].read())["predictions"]
    assert told["predicted_label"] in (0, 1)
    assert 0 <= told["score"] <= 1
    sagemaker.delete_endpoint(EndpointName="linear")


@pytest.mark.parametrize(
    "name", ["LinearLearner", "KMeans", "PCA", "KNN", "FactorizationMachines", "RandomCutForest", "LDA"]
)
def test_sdk_2_trains_deploys_and_predicts_by_the_algorithms_own_class(
    clary: Clary, environment: Callable[[Path], Path], name: str
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(ROOT / "examples" / "sdk_v2_algorithms.py"), name).stdout
    answers = [ast.literal_eval(line) for line in re.findall(rf"{name} predicts (.*)$", told, re.M)]
    assert len(answers) == 2, told
    first, second = answers
    if name in ("LinearLearner", "KNN", "FactorizationMachines"):
        assert [one["predicted_label"] for one in answers] == [[0], [1]]
    elif name == "RandomCutForest":
        assert 0 < first["score"][0] < 3
    elif name == "LDA":
        mixtures = [one["topic_mixture"] for one in answers]
        assert (mixtures[0][0] > 0.5) != (mixtures[1][0] > 0.5)
    elif name == "KMeans":
        assert first["closest_cluster"] != second["closest_cluster"]
        assert first["distance_to_cluster"][0] > 0
    else:
        assert first["projection"][-1] * second["projection"][-1] < 0

"""An image with a root file system of its own on a real server: a job, its model, an endpoint, the list."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
from tests.runtime import oci_root
from tests.stories.server import Clary, run

from clary.runtime import engine as engines
from clary.runtime.engine import Engine

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(600)]
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "sagemaker-us-east-1-000000000000"
URI = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/{oci_root.REPOSITORY}:1"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The machine's engine, with the test image in its store."""
    found = engines.find()
    assert isinstance(found, Engine), found
    name = oci_root.put(found, tmp_path_factory.mktemp("root"))
    yield found
    found.call("rmi", "-f", name)


def test_an_oci_image_trains_and_serves_by_its_name_in_ecr(clary: Clary, engine: Engine) -> None:
    sagemaker = clary.client("sagemaker")
    clary.client("s3").put_object(Bucket=BUCKET, Key="oci/train/a.csv", Body=b"1,2\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/oci/train/"}
    sagemaker.create_training_job(
        TrainingJobName="oci",
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": URI,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "size", "Regex": r"a\.csv ([0-9]+)"}],
        },
        HyperParameters={"do": "train"},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/oci/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )
    patient = {"Delay": 1, "MaxAttempts": 300}
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName="oci", WaiterConfig=patient
    )
    job = sagemaker.describe_training_job(TrainingJobName="oci")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [(one["MetricName"], one["Value"]) for one in job["FinalMetricDataList"]] == [("size", 4.0)]
    container = {"Image": URI, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName="oci", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {
        "VariantName": "all",
        "ModelName": "oci",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(EndpointConfigName="oci", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="oci", EndpointConfigName="oci")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="oci", WaiterConfig=patient)
    answer = clary.client("sagemaker-runtime").invoke_endpoint(EndpointName="oci", Body=b"hello")
    assert answer["Body"].read() == b"HELLO"
    rows = json.loads(
        run(
            [sys.executable, "-m", "clary.cli.main", "image", "list", "--home", str(clary.home), "--json"],
            check=True,
        ).stdout
    )
    assert oci_root.NAME in [row["name"] for row in rows if row["source"] == "OCI"]
    sagemaker.delete_endpoint(EndpointName="oci")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="oci", WaiterConfig=patient)
    left = engine.call("ps", "-a", "--filter", f"label=clary.jobs={clary.home / 'jobs'}", "-q")
    assert left.stdout == ""

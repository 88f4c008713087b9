"""A second account on the same server trains, and neither account sees what is the other's."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.stories.server import Clary, run

pytestmark = pytest.mark.timeout(600)  # the first run on a machine builds an image

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import os, pathlib
import boto3
sts = boto3.client("sts", region_name="us-east-1")
who = sts.get_caller_identity()
pathlib.Path(os.environ["SM_MODEL_DIR"], "who").write_text(who["Arn"])
print("account=" + who["Account"])
"""


def test_a_second_account_s_job_runs_as_its_own(clary: Clary) -> None:
    key = json.loads(command(clary, "create", "team", "--json"))
    account, bucket = key["Account"], f"sagemaker-us-east-1-{key['Account']}"
    s3, sagemaker = client(key, "s3"), client(key, "sagemaker")
    s3.put_object(Bucket=bucket, Key="code.tar.gz", Body=packed("main.py", SCRIPT.encode()))
    sagemaker.create_training_job(
        TrainingJobName="mine",
        RoleArn=f"arn:aws:iam::{account}:role/SageMakerExecutionRole",
        AlgorithmSpecification={"TrainingImage": SKLEARN, "TrainingInputMode": "File"},
        HyperParameters={
            "sagemaker_program": json.dumps("main.py"),
            "sagemaker_submit_directory": json.dumps(f"s3://{bucket}/code.tar.gz"),
        },
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="mine")
    job = sagemaker.describe_training_job(TrainingJobName="mine")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    key_of_model = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{bucket}/")
    model = s3.get_object(Bucket=bucket, Key=key_of_model)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(model)) as tar:
        who = (tar.extractfile("who") or io.BytesIO()).read().decode()
    assert who.startswith(f"arn:aws:sts::{account}:assumed-role/SageMakerExecutionRole/")
    group = "/aws/sagemaker/TrainingJobs"
    events = client(key, "logs").filter_log_events(logGroupName=group)["events"]
    assert any(f"account={account}" in event["message"] for event in events)
    assert clary.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        clary.client("logs").filter_log_events(logGroupName=group)
    with pytest.raises(ClientError, match="403"):
        clary.client("s3").head_object(Bucket=bucket, Key=key_of_model)
    assert "1 sagemaker TrainingJob" in command(clary, "delete", "team", "--force", "--yes")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client(key, "sts").get_caller_identity()


def command(clary: Clary, *words: str) -> str:
    """Run `clary account WORDS` and return what it prints."""
    line = [sys.executable, "-m", "clary.cli.main", "account", *words, "--home", str(clary.home)]
    return run(line, check=True).stdout


def client(key: dict[str, str], service: str) -> Any:
    """Return a client with a key as `clary account create --json` prints it."""
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=key["EndpointUrl"],
        region_name=key["Region"],
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def packed(name: str, content: bytes) -> bytes:
    """Return a tar.gz with one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()

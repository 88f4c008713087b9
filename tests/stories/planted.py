"""Faults planted in jobs and endpoints of a real server, as a user would commit them."""

from __future__ import annotations

import io
import json
import tarfile
import time
from dataclasses import dataclass, field
from typing import Any

from tests.stories.server import Clary

BUCKET = "sagemaker-us-east-1-000000000000"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
DONE = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class Job:
    """A training job with something wrong: in its script, or in the data for the built-in algorithm."""

    says: tuple[str, ...]
    files: dict[str, str] | bytes | None = None
    program: str = "train.py"
    parameters: dict[str, str] = field(default_factory=dict)
    data: str | None = None
    content_type: str = "text/csv"
    status: str = "Failed"
    members: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A model that cannot be served."""

    says: tuple[str, ...]
    files: dict[str, str] | bytes
    script: bool = True
    instance_type: str = "ml.m5.large"


def script(text: str, *says: str, **more: Any) -> Job:
    """Return a job whose train.py is `text`."""
    return Job(says, {"train.py": text}, **more)


def archive(files: dict[str, str]) -> bytes:
    """Return a tar.gz of some files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def request(clary: Clary, name: str, job: Job) -> dict[str, Any]:
    """Put a job's source and data into S3 and return its CreateTrainingJob request."""
    asked: dict[str, Any] = {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": dict(job.parameters),
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
    }
    if job.files is not None:
        source = job.files if isinstance(job.files, bytes) else archive(job.files)
        asked["HyperParameters"] |= {
            "sagemaker_program": json.dumps(job.program),
            "sagemaker_submit_directory": json.dumps(put(clary, f"source/{name}.tar.gz", source)),
        }
    if job.data is not None:
        uri = put(clary, f"data/{name}/data.csv", job.data.encode()).rpartition("/")[0]
        asked["InputDataConfig"] = [channel(uri, job.content_type)]
    return {**asked, **job.members}


def channel(uri: str, content_type: str = "text/csv", name: str = "train") -> dict[str, Any]:
    """Return an input channel."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"ChannelName": name, "ContentType": content_type, "DataSource": source}


def put(clary: Clary, key: str, data: bytes) -> str:
    """Put an object into the default bucket and return its address."""
    clary.client("s3").put_object(Bucket=BUCKET, Key=key, Body=data)
    return f"s3://{BUCKET}/{key}"


def deploy(clary: Clary, name: str, model: Model) -> None:
    """Begin to create an endpoint of one model."""
    data = model.files if isinstance(model.files, bytes) else archive(model.files)
    uri = put(clary, f"model/{name}.tar.gz", data)
    script = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": uri} if model.script else {}
    sagemaker = clary.client("sagemaker")
    container = {"Image": IMAGE, "ModelDataUrl": uri, "Environment": script}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {
        "VariantName": "all",
        "ModelName": name,
        "InstanceType": model.instance_type,
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def ended(clary: Clary, name: str, seconds: float = 120) -> dict[str, Any]:
    """Return a job in its last status."""
    return wait(lambda: clary.client("sagemaker").describe_training_job(TrainingJobName=name), DONE, seconds)


def settled(clary: Clary, name: str, seconds: float = 120) -> dict[str, Any]:
    """Return an endpoint that is not on its way."""
    return wait(
        lambda: clary.client("sagemaker").describe_endpoint(EndpointName=name),
        ("InService", "Failed"),
        seconds,
    )


def wait(look: Any, statuses: tuple[str, ...], seconds: float) -> dict[str, Any]:
    """Look until the status is one of those wanted."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found: dict[str, Any] = look()
        if (found.get("TrainingJobStatus") or found.get("EndpointStatus")) in statuses:
            return found
        time.sleep(0.1)
    raise AssertionError(f"still not {statuses}: {found}")

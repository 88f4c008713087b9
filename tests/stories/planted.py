"""Faults planted in jobs and endpoints of a real server, as a user would commit them."""

from __future__ import annotations

import io
import json
import tarfile
import time
import zipfile
from collections.abc import Mapping
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

    says: tuple[str, ...] = ()
    files: Mapping[str, str | bytes] | bytes | None = None
    program: str = "train.py"
    parameters: dict[str, str] = field(default_factory=dict)
    data: str | bytes | None = None
    content_type: str = "text/csv"
    others: dict[str, str | bytes] = field(default_factory=dict)
    """What further channels hold: the channel, or the channel and its file."""
    status: str = "Failed"
    image: str = IMAGE
    members: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """A mistake, and regular expressions of the words that name its cause and its cure."""

    title: str
    job: Job
    cause: str
    cure: str
    logged: str = r"Traceback \(most recent call last\)"
    """What the job's log holds at least."""
    blamed: str = "AlgorithmError: "
    """How FailureReason begins; nothing for a job that ends Stopped."""


@dataclass(frozen=True)
class Model:
    """A model that cannot be served."""

    says: tuple[str, ...]
    files: Mapping[str, str | bytes] | bytes
    script: bool = True
    instance_type: str = "ml.m5.large"


def script(text: str, *says: str, **more: Any) -> Job:
    """Return a job whose train.py is `text`."""
    return Job(says, {"train.py": text}, **more)


def faulty(title: str, text: str | bytes, cause: str, cure: str, **more: Any) -> Fault:
    """Return a mistake in a script."""
    told = {name: more.pop(name) for name in ("logged", "blamed") if name in more}
    return Fault(title, Job(files={"train.py": text}, **more), cause, cure, **told)


def command(*words: str) -> dict[str, Any]:
    """Return members that run a command in place of the image's program."""
    specification = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": list(words)}
    return {"AlgorithmSpecification": specification}


def wheel(name: str, version: str, *requires: str) -> bytes:
    """Return a package that holds nothing."""
    made = io.BytesIO()
    folder = f"{name}-{version}.dist-info"
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {each}" for each in requires)]
    kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr(f"{folder}/METADATA", "\n".join(["Metadata-Version: 2.1", *lines, ""]))
        packed.writestr(f"{folder}/WHEEL", kind)
        packed.writestr(f"{folder}/RECORD", "")
    return made.getvalue()


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """Return a tar.gz of some files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in files.items():
            data = as_bytes(content)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return made.getvalue()


def as_bytes(content: str | bytes) -> bytes:
    """Return what is to be stored."""
    return content.encode() if isinstance(content, str) else content


def request(clary: Clary, name: str, job: Job) -> dict[str, Any]:
    """Put a job's source and data into S3 and return its CreateTrainingJob request."""
    asked: dict[str, Any] = {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": job.image, "TrainingInputMode": "File"},
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
    held = {} if job.data is None else {"train": job.data}
    for place, content in {**held, **job.others}.items():
        named, _, file = place.partition("/")
        uri = put(clary, f"data/{name}/{named}/{file or 'data.csv'}", as_bytes(content)).rpartition("/")[0]
        asked.setdefault("InputDataConfig", []).append(channel(uri, job.content_type, named))
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

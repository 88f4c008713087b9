"""Jobs of several hosts on a real server, whose program is the test's own."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from tests.crash.site import Site

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "sagemaker-us-east-1-000000000000"
GROUP = "/aws/sagemaker/TrainingJobs"
DONE = ("Completed", "Failed", "Stopped")
IMAGE = """
name = "hosts"
repositories = ["hosts"]
[programs]
train = ["python", "/opt/image/train.py"]
"""
PROGRAM = Path(__file__).with_name("hosts_program.py")


def prepare(site: Site) -> Site:
    """Give a server the image whose program this is."""
    folder = site.home / "images" / "hosts"
    folder.mkdir(parents=True)
    (folder / "image.toml").write_text(IMAGE)
    (folder / "train.py").write_text(PROGRAM.read_text())
    return site


def create(site: Site, name: str, act: str = "", count: int = 2, **members: Any) -> None:
    """Ask for a job of several hosts; `act` says what its program does."""
    site.client("sagemaker").create_training_job(
        **{
            "TrainingJobName": name,
            "AlgorithmSpecification": {
                "TrainingImage": "hosts",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "rank", "Regex": "rank=([0-9]+)"}],
            },
            "RoleArn": ROLE,
            "HyperParameters": {"act": act},
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": count, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **members,
        }
    )


def describe(site: Site, name: str) -> Any:
    """Return what DescribeTrainingJob says."""
    return site.client("sagemaker").describe_training_job(TrainingJobName=name)


def settled(site: Site, name: str) -> Any:
    """Wait for the job's end."""
    return site.until(
        lambda: (job := describe(site, name))["TrainingJobStatus"] in DONE and job, f"{name} ends"
    )


def archive(site: Site, name: str, output: str = "model.tar.gz") -> dict[str, bytes]:
    """Return the files in an output of the job."""
    key = f"out/{name}/output/{output}"
    body = site.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {each.name: tar.extractfile(each).read() for each in tar if each.isreg()}  # type: ignore[union-attr]


def told(site: Site, name: str) -> dict[str, dict[str, Any]]:
    """Return what each host wrote into the model about itself."""
    return {
        file.removesuffix(".json"): json.loads(body)
        for file, body in archive(site, name).items()
        if file.endswith(".json")
    }


def logs(site: Site, name: str) -> dict[str, list[str]]:
    """Return the lines of each host's stream."""
    client = site.client("logs")
    try:
        told = client.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")
    except client.exceptions.ResourceNotFoundException:  # no job has printed anything yet
        return {}
    streams, found = told["logStreams"], {}
    for stream in streams:
        events = client.get_log_events(
            logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True
        )
        host = stream["logStreamName"].partition("/")[2].rpartition("-")[0]
        found[host] = [event["message"] for event in events["events"]]
    return found

"""What a caller's program can do wrong, or the data around it: each end says what happened and what to do."""

from __future__ import annotations

import io
import secrets
import tarfile

import pytest
from tests.crash.site import Site
from tests.crash.test_endpoint_kills import finish
from tests.crash.test_training_kills import BUCKET, GROUP, ROLE, describe

from clary.core.document import Document

RAISES = """
import sys
print("about to fail", flush=True)
def load(rows):
    raise ValueError("no rows in the table " + "x" * 2000)
load([])
"""


def train(site: Site, name: str, code: str, limit: int = 600, **members: object) -> Document:
    """Run a program as a training job, and return what the job is in the end."""
    start(site, name, code, limit, **members)
    return ended(site, name)


def start(site: Site, name: str, code: str, limit: int = 600, **members: object) -> None:
    algorithm = {
        "TrainingImage": "held",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["python", "-c", "import os; exec(os.environ['CODE'])"],
    }
    asked: Document = {
        "TrainingJobName": name,
        "AlgorithmSpecification": algorithm,
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": limit},
        "Environment": {"CODE": code},
        **members,
    }
    site.client("sagemaker").create_training_job(**asked)


def ended(site: Site, name: str) -> Document:
    def look() -> Document | None:
        job: Document = describe(site, name)
        return job if job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

    job = site.until(look, f"{name} has ended")
    assert job is not None
    return job


def log(site: Site, name: str) -> list[str]:
    logs = site.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    place = {"logGroupName": GROUP, "logStreamName": stream["logStreamName"]}
    return [event["message"] for event in logs.get_log_events(**place, startFromHead=True)["events"]]


def test_a_program_that_raises_fails_the_job_with_its_own_words(site: Site) -> None:
    job = train(site, "raises", RAISES)
    assert job["TrainingJobStatus"] == "Failed"
    reason = job["FailureReason"]
    assert reason.startswith("AlgorithmError: ") and reason.endswith(", exit code: 1")
    assert "ValueError: no rows in the table" in reason and len(reason) <= 1024
    assert "ModelArtifacts" not in job
    assert log(site, "raises")[:2] == ["about to fail", "Traceback (most recent call last):"]


def test_a_program_can_say_itself_why_it_failed(site: Site) -> None:
    code = "open('/opt/ml/output/failure', 'w').write('the moon is full'); raise SystemExit(3)"
    assert train(site, "says", code)["FailureReason"] == "AlgorithmError: the moon is full, exit code: 3"


def test_a_program_that_crashes_names_its_signal(site: Site) -> None:
    job = train(site, "crashes", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert "SIGSEGV" in job["FailureReason"] and job["FailureReason"].endswith(", exit code: 139")


def test_a_program_that_is_not_there_says_where_to_look(site: Site) -> None:
    algorithm = {
        "TrainingImage": "held",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["no-such-program"],
    }
    job = train(site, "absent", "", AlgorithmSpecification=algorithm)
    assert "no-such-program" in job["FailureReason"] or "not found" in job["FailureReason"]


def test_a_program_without_a_model_completes_and_the_job_says_so(site: Site) -> None:
    job = train(site, "empty", "print('nothing to keep')")
    assert job["TrainingJobStatus"] == "Completed"
    assert "left nothing in /opt/ml/model" in job["SecondaryStatusTransitions"][-1]["StatusMessage"]


def test_a_program_that_hangs_is_stopped_at_its_limit_and_its_model_is_kept(site: Site) -> None:
    code = """
import pathlib, signal, sys, time
def stop(*args):
    pathlib.Path("/opt/ml/model/checkpoint").write_text("saved")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(600)
"""
    job = train(site, "hangs", code, limit=4)  # enough for a slow machine's Python to begin
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("/hangs/output/model.tar.gz")
    assert job["TrainingTimeInSeconds"] < 60


def test_a_job_can_be_stopped_while_it_trains(site: Site) -> None:
    start(site, "stops", "import time; print('on', flush=True); time.sleep(600)")
    site.until(lambda: describe(site, "stops")["SecondaryStatus"] == "Training", "the job trains")
    site.client("sagemaker").stop_training_job(TrainingJobName="stops")
    job = ended(site, "stops")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "FailureReason" not in job


def test_odd_output_becomes_events_that_can_be_read(site: Site) -> None:
    code = r"""
import sys
out = sys.stdout.buffer
out.write(b"10%\r50%\r100%\n\x1b[31mred\x1b[0m\n\n")
out.write(b"\xff\xfe not utf-8\n" + b"a" * 300_000 + b"\nno newline at the end")
"""
    train(site, "odd", code)
    lines = log(site, "odd")
    assert lines[:3] == ["100%", "\x1b[31mred\x1b[0m", "�� not utf-8"]
    assert [len(line) for line in lines[3:5]] == [262_118, 37_882]
    assert lines[5] == "no newline at the end"


def test_a_job_acts_with_the_credentials_of_its_role(site: Site) -> None:
    code = """
import json, os, pathlib, urllib.request
url, token = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
request = urllib.request.Request(url, headers={"Authorization": token})
told = json.load(urllib.request.urlopen(request))
print(told["RoleArn"], told["AccessKeyId"][:4], sorted(told), flush=True)
"""
    assert train(site, "role", code)["TrainingJobStatus"] == "Completed"
    assert log(site, "role")[0].startswith(f"{ROLE} ASIA ")


def test_a_job_without_network_cannot_reach_the_host(site: Site) -> None:
    code = """
import socket, os
port = int(os.environ["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])
socket.create_connection(("127.0.0.1", port), 2)
"""
    assert train(site, "reaches", code)["TrainingJobStatus"] == "Completed"
    job = train(site, "isolated", code, EnableNetworkIsolation=True)
    assert job["TrainingJobStatus"] == "Failed"
    assert "ConnectionRefusedError" in job["FailureReason"] or "unreachable" in job["FailureReason"]


@pytest.mark.parametrize(
    ("archive", "says"),
    [(b"not a tar file", "Failed to extract model data archive"), (None, "FileNotFoundError")],
)
def test_an_endpoint_whose_model_is_broken_fails_and_says_how(
    site: Site, archive: bytes | None, says: str
) -> None:
    name = f"broken-{secrets.token_hex(3)}"
    if archive is None:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w:gz"):
            pass  # no `answer` in it, so the server's own code raises
        archive = made.getvalue()
    site.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/m.tar.gz", Body=archive)
    sagemaker = site.client("sagemaker")
    data = f"s3://{BUCKET}/{name}/m.tar.gz"
    container = {"Image": "held", "ModelDataUrl": data}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant: Document = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1}
    variant["InstanceType"] = "ml.m5.large"
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    site.until(
        lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Failed", "it has failed"
    )
    assert says in sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
    finish(site, name)

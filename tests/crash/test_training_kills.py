"""kill -9 of gateway, controller, shim and container at every phase of a training job, each in turn."""

from __future__ import annotations

import io
import secrets
import tarfile
from typing import Any

import pytest
from tests.crash.site import Site

from clary.core.document import Document

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "sagemaker-us-east-1-000000000000"
GROUP = "/aws/sagemaker/TrainingJobs"
BULK = 60_000_000  # bytes of random model, which take long enough to pack to be met packing
PHASES = ("created", "starting", "running", "packing", "exited")


def create(
    site: Site, name: str, nonce: str, *, config: dict[str, str] | None = None, **environment: str
) -> None:
    site.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/nonce", Body=nonce.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/"}
    site.client("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": "held", "TrainingInputMode": "File"},
        RoleArn=ROLE,
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        Environment=environment,
        **({"ExperimentConfig": config} if config else {}),
    )


def describe(site: Site, name: str) -> Any:
    return site.client("sagemaker").describe_training_job(TrainingJobName=name)


def meet(site: Site, name: str, phase: str) -> str:
    """Bring a job into a phase; return its run."""
    if phase == "created":
        return ""
    uid = site.run_of(name)
    order = ["", "starting", "preparing", "running", "packing", "exited"]
    if phase in ("packing", "exited"):
        site.until(lambda: site.phase(uid) == "running", f"{uid} is running")
        site.open_gates()

    def reached() -> bool:  # a run that ended is soon removed
        return order.index(site.phase(uid)) >= order.index(phase) or not site.job(uid).path.exists()

    site.until(reached, f"{uid} is {phase}")
    return uid


def settle(site: Site, name: str) -> Document:
    """Let everything go its way again; return what the job is in the end."""
    site.up()

    def ended() -> Document | None:
        site.open_gates()
        job: Document = describe(site, name)
        return job if job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return site.until(ended, f"{name} has ended")


def check(site: Site, name: str, nonce: str, job: Document) -> None:
    """Check that the end is exact, and that nothing is left over."""
    statuses = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert statuses[-1] == job["SecondaryStatus"]
    assert all("EndTime" in each for each in job["SecondaryStatusTransitions"])
    if job["TrainingJobStatus"] == "Completed":
        assert statuses[-4:] == ["Downloading", "Training", "Uploading", "Completed"]
        key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
        body = site.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            member = archive.extractfile("answer")
            assert member is not None and member.read().decode() == f"seen {nonce}"
        streams = site.client("logs").describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=name)
        last = max(stream["logStreamName"] for stream in streams["logStreams"])
        place = {"logGroupName": GROUP, "logStreamName": last}
        events = site.client("logs").get_log_events(**place, startFromHead=True)
        assert [e["message"] for e in events["events"]] == [f"line {n}" for n in range(100)] + ["done"]
    site.until(lambda: not site.runs("*"), "the runs' directories are gone")
    site.until(lambda: not site.processes_left(), f"no process is left but {site.processes_left()}")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("victim", ["gateway", "controller"])
@pytest.mark.slow
def test_a_job_does_not_notice_that_a_server_process_was_killed(site: Site, victim: str, phase: str) -> None:
    name, nonce = f"{victim}-{phase}", secrets.token_hex(8)
    create(site, name, nonce, HELD="1", BULK=str(BULK if phase == "packing" else 0))
    meet(site, name, phase)
    site.kill(victim)
    job = settle(site, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    check(site, name, nonce, job)


@pytest.mark.parametrize("phase", ["starting", "running", "packing"])
@pytest.mark.slow
def test_a_job_whose_shim_was_killed_begins_again_or_says_that_it_was_lost(site: Site, phase: str) -> None:
    name, nonce = f"shim-{phase}", secrets.token_hex(8)
    create(site, name, nonce, HELD="1", BULK=str(BULK if phase == "packing" else 0))
    before = site.kill_run(meet(site, name, phase), "shim")
    job = settle(site, name)
    if before in ("starting", "preparing"):
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    elif job["TrainingJobStatus"] != "Completed":
        assert job["FailureReason"].startswith("InternalServerError: The run was lost")
    check(site, name, nonce, job)


@pytest.mark.parametrize("also", ["", "gateway", "controller"])
@pytest.mark.slow
def test_a_job_whose_container_was_killed_fails_and_names_the_signal(site: Site, also: str) -> None:
    name, nonce = f"container-{also}".rstrip("-"), secrets.token_hex(8)
    create(site, name, nonce, HELD="1")
    uid = meet(site, name, "running")
    site.until(lambda: b"line 99" in site.job(uid).log.read_bytes(), "the program runs")
    if also:
        site.kill(also)
    site.kill_run(uid, "container")
    job = settle(site, name)
    assert job["TrainingJobStatus"] == "Failed"
    assert "SIGKILL" in job["FailureReason"] and job["FailureReason"].endswith("exit code: 137")
    check(site, name, nonce, job)


def test_a_job_survives_the_death_of_gateway_and_controller_together(site: Site) -> None:
    name, nonce = "both", secrets.token_hex(8)
    create(site, name, nonce, HELD="1")
    meet(site, name, "running")
    site.kill("controller")
    site.kill("gateway")
    job = settle(site, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    check(site, name, nonce, job)

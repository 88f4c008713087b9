"""kill -9 of gateway, controller, shim and container while a transform job is at work."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.crash.site import Site
from tests.crash.test_training_kills import BUCKET
from tests.crash.transforming import install

from clary.core.document import Document
from clary.runtime.transform.ledger import finished, folder

# Prints what it was asked; what begins with `held` is answered once the gate is open.
ANSWER = """
def answer(body):
    while body.startswith(b"held") and not pathlib.Path("/opt/ml/go").exists():
        time.sleep(0.01)
    print("asked", body.decode().split()[0], flush=True)
    return 200, body.upper()
"""
GROUP = "/aws/sagemaker/TransformJobs"
FREE, HELD = 4, 4  # objects that are answered at once, and ones that wait for the gate


@pytest.fixture(scope="module")
def site(site: Site) -> Site:
    """A server with an image of these tests' own."""
    install(site, "transforming", ANSWER)
    return site


def create(site: Site, name: str, *, hosts: int = 1) -> dict[str, bytes]:
    """Start a job over small objects; return what its outputs are to be."""
    objects = {f"a{n}": b"free %d %s" % (n, name.encode()) for n in range(FREE)}
    objects |= {f"b{n}": b"held %d %s" % (n, name.encode()) for n in range(HELD)}
    for key, body in objects.items():
        site.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/in/{key}", Body=body)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/in/"}
    site.client("sagemaker").create_transform_job(
        TransformJobName=name,
        ModelName="transforming",
        TransformInput={"DataSource": {"S3DataSource": source}, "ContentType": "text/plain"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{name}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": hosts},
    )
    return {f"{key}.out": body.upper() for key, body in objects.items()}


def describe(site: Site, name: str) -> Any:
    return site.client("sagemaker").describe_transform_job(TransformJobName=name)


def halfway(site: Site, hosts: int = 1) -> list[str]:
    """Wait until every host holds at its first object behind the gate; return their runs."""

    def look() -> list[str] | None:
        runs = site.runs("*")
        done = sum(len(finished(folder(site.job(uid)))) for uid in runs)
        return runs if len(runs) == hosts and done == FREE else None

    return site.until(look, "the objects before the gate are done")


def settle(site: Site, name: str) -> Document:
    """Let everything go its way again; return what the job is in the end."""
    site.up()

    def ended() -> Document | None:
        site.open_gates()
        job: Document = describe(site, name)
        return job if job["TransformJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return site.until(ended, f"{name} has ended")


def outputs(site: Site, name: str) -> dict[str, bytes]:
    s3 = site.client("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/out/").get("Contents", [])
    keys = [each["Key"] for each in listed]
    return {Path(key).name: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def asked(site: Site, name: str) -> list[str]:
    """Return what the models were asked, by all hosts' logs."""
    logs = site.client("logs")
    streams = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    names = [each["logStreamName"] for each in streams if not each["logStreamName"].endswith("data-log")]
    pages = [
        logs.get_log_events(logGroupName=GROUP, logStreamName=each, startFromHead=True)["events"]
        for each in names
    ]
    return sorted(
        event["message"] for page in pages for event in page if event["message"].startswith("asked")
    )


def check_gone(site: Site) -> None:
    site.until(lambda: not site.runs("*"), "the runs' directories are gone")
    site.until(lambda: not site.processes_left(), f"no process is left but {site.processes_left()}")


@pytest.mark.parametrize("moment", ["created", "halfway"])
@pytest.mark.parametrize("victim", ["gateway", "controller"])
@pytest.mark.slow
def test_a_transform_does_not_notice_that_a_server_process_was_killed(
    site: Site, victim: str, moment: str
) -> None:
    name = f"{victim}-{moment}"
    wanted = create(site, name)
    if moment == "halfway":
        halfway(site)
    site.kill(victim)
    job = settle(site, name)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert outputs(site, name) == wanted
    assert len(asked(site, name)) == FREE + HELD  # each object once
    check_gone(site)


@pytest.mark.parametrize("hosts", [1, 2])
@pytest.mark.slow
def test_a_transform_whose_host_was_lost_does_only_what_was_not_done(site: Site, hosts: int) -> None:
    name = f"shim-{hosts}"
    wanted = create(site, name, hosts=hosts)
    first, *_ = halfway(site, hosts)
    site.kill_run(first, "shim")
    job = settle(site, name)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert outputs(site, name) == wanted
    free = [each for each in asked(site, name) if each == "asked free"]
    assert len(free) == FREE  # none of what was done is asked again
    check_gone(site)


@pytest.mark.slow
def test_a_transform_whose_driver_was_killed_goes_on_with_what_is_left(site: Site) -> None:
    wanted = create(site, "driver")
    [uid] = halfway(site)
    shim = site.job(uid).state()
    assert shim
    children = Path(f"/proc/{shim['shim']['pid']}/task/{shim['shim']['pid']}/children").read_text().split()
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    [driver] = [int(pid) for pid, line in lines.items() if b"transform.driving" in line]
    os.kill(driver, signal.SIGKILL)
    job = settle(site, "driver")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert outputs(site, "driver") == wanted
    check_gone(site)


@pytest.mark.slow
def test_a_transform_whose_container_was_killed_fails_and_keeps_what_was_done(site: Site) -> None:
    wanted = create(site, "container")
    [uid] = halfway(site)
    site.kill_run(uid, "container")
    # The gates stay shut: what is left of the container could answer yet.
    site.until(lambda: describe(site, "container")["TransformJobStatus"] == "Failed", "it failed")
    assert "SIGKILL" in describe(site, "container")["FailureReason"]
    assert outputs(site, "container") == {key: body for key, body in wanted.items() if key.startswith("a")}
    check_gone(site)


@pytest.mark.slow
def test_a_transform_that_is_stopped_at_work_ends_and_keeps_nothing(site: Site) -> None:
    wanted = create(site, "stopped", hosts=2)
    halfway(site, 2)
    free = {key: body for key, body in wanted.items() if key.startswith("a")}
    site.until(lambda: outputs(site, "stopped") == free, "what is finished is in S3")
    site.client("sagemaker").stop_transform_job(TransformJobName="stopped")
    job = site.until(
        lambda: job if (job := describe(site, "stopped"))["TransformJobStatus"] == "Stopped" else None,
        "it stopped",
    )
    assert "TransformEndTime" in job and "FailureReason" not in job
    assert outputs(site, "stopped") == {}
    check_gone(site)

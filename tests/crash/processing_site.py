"""Processing jobs on a real server, whose script holds at a gate until the test opens it."""

from __future__ import annotations

from typing import Any

from tests.crash.site import Site

from clary.core.document import Document

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "sagemaker-us-east-1-000000000000"
GROUP = "/aws/sagemaker/ProcessingJobs"
HERE = "/opt/ml/processing"
DONE = ("Completed", "Failed", "Stopped")
LINES = 100
PROGRAM = f"""
import json, os, pathlib, signal, sys, time
def ended(*_):
    (here / "output/stopped").write_text("in order")
    sys.exit(0)
signal.signal(signal.SIGTERM, ended)
ml, here = pathlib.Path("/opt/ml"), pathlib.Path("{HERE}")
who = json.loads((ml / "config/resourceconfig.json").read_text())["current_host"]
(here / "live/first").write_text("begun")
for n in range({LINES}):
    print("line", n, flush=True)
while not (ml / "go").exists():
    time.sleep(0.01)
nonce = (here / "input/data/nonce").read_text()
for n in range(20):
    (here / f"output/{{who}}-{{n}}").write_text(f"{{n}} of {{nonce}}")
(here / "live/last").write_text(nonce)
(ml / "output/message").write_text("all is done")
print("done", flush=True)
sys.exit(int(os.environ.get("CODE", "0")))
"""


def create(site: Site, name: str, nonce: str, *, hosts: int = 1, **members: Any) -> None:
    """Ask for a job; what it reads and writes is below its name."""
    s3 = site.client("s3")
    s3.put_object(Bucket=BUCKET, Key=f"{name}/data/nonce", Body=nonce.encode())
    s3.put_object(Bucket=BUCKET, Key=f"{name}/code/program.py", Body=PROGRAM.encode())
    given = [
        {
            "InputName": each,
            "S3Input": {
                "S3Uri": f"s3://{BUCKET}/{name}/{each}/",
                "LocalPath": f"{HERE}/input/{each}",
                "S3DataType": "S3Prefix",
            },
        }
        for each in ("data", "code")
    ]
    made = [
        {
            "OutputName": each,
            "S3Output": {
                "S3Uri": f"s3://{BUCKET}/{name}/{each}", "LocalPath": f"{HERE}/{each}", "S3UploadMode": mode,
            },
        }
        for each, mode in (("output", "EndOfJob"), ("live", "Continuous"))
    ]  # fmt: skip
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": hosts, "VolumeSizeInGB": 1}
    site.client("sagemaker").create_processing_job(
        **{
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": {
                "ImageUri": "held", "ContainerEntrypoint": ["python", f"{HERE}/input/code/program.py"]
            },
            "Environment": {"TRAINING_JOB_NAME": name},  # what the site finds a run by
            "ProcessingResources": {"ClusterConfig": cluster},
            "ProcessingInputs": given,
            "ProcessingOutputConfig": {"Outputs": made},
            **members,
        }
    )  # fmt: skip


def describe(site: Site, name: str) -> Any:
    """Return what DescribeProcessingJob says."""
    return site.client("sagemaker").describe_processing_job(ProcessingJobName=name)


def meet(site: Site, name: str, phase: str) -> str:
    """Bring a job into a phase; return its run on its first host."""
    if phase == "created":
        return ""
    uid = site.run_of(name)
    order = ["", "starting", "preparing", "running", "packing", "exited"]

    def reached() -> bool:  # a run that ended is soon removed
        if phase == "exited":
            site.open_gates()
        return order.index(site.phase(uid)) >= order.index(phase) or not site.job(uid).path.exists()

    site.until(reached, f"{uid} is {phase}")
    return uid


def settle(site: Site, name: str, *, gates: bool = True) -> Document:
    """Let everything go its way again; return what the job is in the end."""
    site.up()

    def ended() -> Document | None:
        if gates:
            site.open_gates()
        job: Document = describe(site, name)
        return job if job["ProcessingJobStatus"] in DONE else None

    return site.until(ended, f"{name} has ended")


def written(site: Site, name: str) -> dict[str, str]:
    """Return what lies below a job's name in S3 besides what it was given."""
    s3, found = site.client("s3"), {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{name}/"):
        for each in page.get("Contents", ()):
            below = each["Key"].removeprefix(f"{name}/")
            if below not in ("data/nonce", "code/program.py"):
                body = s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
                found[below] = body.decode()
    return found


def log(site: Site, name: str) -> dict[str, list[str]]:
    """Return what each log stream of a job holds, the whole of it."""
    logs, found = site.client("logs"), {}
    for stream in logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]:
        place = {"logGroupName": GROUP, "logStreamName": stream["logStreamName"]}
        events = logs.get_log_events(**place, startFromHead=True)["events"]
        found[stream["logStreamName"]] = [each["message"] for each in events]
    return found


def nothing_left(site: Site) -> None:
    """Check that no run and no process of one is left over."""
    site.until(lambda: not site.runs("*"), "the runs' directories are gone")
    site.until(lambda: not site.processes_left(), f"no process is left but {site.processes_left()}")

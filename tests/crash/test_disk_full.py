"""The disk under the server runs full, by a job and by others: what was acknowledged is not lost."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.crash import test_endpoint_kills as endpoints
from tests.crash.site import Site
from tests.crash.test_training_kills import BUCKET, ROLE, create, describe
from tests.crash.transforming import install

from clary.core.document import Document

pytestmark = pytest.mark.slow

SIZE = 400 << 20  # bytes of the disk, a tenth of which no job may take
ENDS = ("Completed", "Failed", "Stopped")
GREEDY = (
    "import os; f = open('/opt/ml/model/bulk', 'wb'); [f.write(os.urandom(1 << 20)) for _ in iter(int, 1)]"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a server whose home is a disk of its own, which only its processes see."""
    root = tmp_path_factory.mktemp("small")
    home = root / "home"
    home.mkdir()
    mount = f"mount -t tmpfs -o size={SIZE},mode=700 none {home} && echo there && exec cat"
    command = ["/usr/bin/env", "unshare", "-Urm", "sh", "-c", mount]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ours
    assert holder.stdin and holder.stdout and holder.stdout.readline() == b"there\n"
    enter = ("nsenter", "-t", str(holder.pid), "-U", "-m", "--preserve-credentials", "--")
    made = Site(root, view=Path(f"/proc/{holder.pid}/root{home}"), within=enter)
    made.up()
    yield made
    made.open_gates()
    made.down()
    holder.stdin.close()
    holder.wait()
    holder.stdout.close()


def ended(site: Site, name: str) -> Document:
    def look() -> Document | None:
        job: Document = describe(site, name)
        return job if job["TrainingJobStatus"] in ENDS else None

    return site.until(look, f"{name} has ended")


def answer_of(site: Site, job: Document) -> bytes:
    """Return what a held job's model says."""
    key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
    body = site.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        member = archive.extractfile("answer")
        assert member is not None
        return member.read()


def fill(site: Site) -> Path:
    """Take all that is left of the disk, and return the file that has it."""
    filler = site.home / "filler"

    def full() -> bool:  # the server lets go of some of its own now and then
        with filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * size)
        return os.statvfs(site.home).f_bavail == 0

    site.until(full, "the disk is full")
    return filler


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def refused_at_last(site: Site, call: Any, named: str, stem: str, **request: Any) -> tuple[set[str], str]:
    """Ask, under ever another name, until there is no room; return what was acknowledged, and what was not.

    The server may let go of some of its own between a look at the disk and a call.
    """
    kept: set[str] = set()

    def look() -> str:
        fill(site)
        name = f"{stem}-{len(kept)}"
        try:
            call(**request, **{named: name})
        except ClientError as error:
            told = error.response["Error"]
            assert told["Code"] == "ServiceUnavailable" and "disk under CLARY_HOME is full" in told["Message"]
            return name
        kept.add(name)
        return ""

    return kept, site.until(look, f"{stem} is refused")


def test_a_job_that_fills_the_disk_ends_and_nothing_else_does(site: Site) -> None:
    endpoints.create(site, "beside", "still")
    assert endpoints.settle(site, "beside")["EndpointStatus"] == "InService"
    site.client("sagemaker").create_training_job(
        TrainingJobName="greedy",
        AlgorithmSpecification={
            "TrainingImage": "held",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "-c", GREEDY],
        },
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    greedy = ended(site, "greedy")
    assert greedy["TrainingJobStatus"] == "Failed"
    assert "DiskFullError: The program had written" in greedy["FailureReason"]
    assert "free some space under CLARY_HOME" in greedy["FailureReason"]
    assert endpoints.answers(site, "beside", "still")
    create(site, "next", "kept")
    assert answer_of(site, ended(site, "next")) == b"seen kept"
    assert endpoints.answers(site, "beside", "still")
    endpoints.finish(site, "beside")


def test_a_transform_whose_model_answers_without_end_fills_no_disk(site: Site) -> None:
    install(site, "endless", "def answer(body):\n    return 200, (bytes(1 << 20) for _ in iter(int, 1))\n")
    site.client("s3").put_object(Bucket=BUCKET, Key="endless/in", Body=b"1")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/endless/in"}
    site.client("sagemaker").create_transform_job(
        TransformJobName="endless",
        ModelName="endless",
        TransformInput={"DataSource": {"S3DataSource": source}},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/endless/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        ModelClientConfig={"InvocationsMaxRetries": 0},
    )

    def done() -> Document | None:
        job: Document = site.client("sagemaker").describe_transform_job(TransformJobName="endless")
        return job if job["TransformJobStatus"] in ENDS else None

    job = site.until(done, "endless has ended")
    assert job["TransformJobStatus"] == "Failed"
    assert "DiskFullError" in job["FailureReason"]
    create(site, "beyond", "kept")
    assert answer_of(site, ended(site, "beyond")) == b"seen kept"


def test_what_is_asked_of_a_full_disk_is_refused_and_nothing_acknowledged_is_lost(site: Site) -> None:
    create(site, "waits", "there", HELD="1")
    uid = site.run_of("waits")
    site.until(lambda: site.phase(uid) == "running", "waits runs")
    s3, sagemaker = site.client("s3", 1), site.client("sagemaker", 1)
    s3.put_object(Bucket=BUCKET, Key="before", Body=b"b" * 300_000)
    filler = fill(site)
    put = {"Bucket": BUCKET, "Body": b"x" * 100}
    small, no_small = refused_at_last(site, s3.put_object, "Key", "small", **put)
    put["Body"] = b"x" * (5 << 20)
    large, no_large = refused_at_last(site, s3.put_object, "Key", "large", **put)
    told = {"Description": "x" * 3000}
    made, too_late = refused_at_last(site, sagemaker.create_experiment, "ExperimentName", "made", **told)
    assert s3.get_object(Bucket=BUCKET, Key="before")["Body"].read() == b"b" * 300_000  # reading goes on
    assert describe(site, "waits")["TrainingJobStatus"] == "InProgress"

    site.kill("controller")
    (site.job(uid).ml / "go").touch()  # an empty file needs no room
    site.until(
        lambda: site.phase(uid) != "running" or (site.job(uid).ml / "model/answer").exists(), "it ends"
    )
    assert site.processes["gateway"].poll() is None, site.complaints()
    filler.unlink()
    site.up()
    waits = ended(site, "waits")
    # It wrote its model to the full disk: either it failed for that, or it had room and is complete.
    if waits["TrainingJobStatus"] == "Completed":
        assert answer_of(site, waits) == b"seen there"
    else:
        assert "No space left on device" in waits["FailureReason"], waits["FailureReason"]
    keys = [each["Key"] for each in site.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert {"before", *small, *large} <= set(keys) and not {no_small, no_large} & set(keys)
    assert refused(sagemaker.describe_experiment, ExperimentName=too_late)[0] == "ResourceNotFound"
    for name in made:
        assert told.items() <= sagemaker.describe_experiment(ExperimentName=name).items()
    create(site, "after", "again")
    assert answer_of(site, ended(site, "after")) == b"seen again"


def test_a_server_killed_on_a_full_disk_comes_back_with_everything(site: Site) -> None:
    before = site.client("sagemaker").list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    filler = fill(site)
    with contextlib.suppress(ClientError):
        site.client("s3", 1).put_object(Bucket=BUCKET, Key="late", Body=b"x" * 100)
    site.kill("gateway")
    site.kill("controller")
    filler.unlink()
    site.up()
    after = site.client("sagemaker").list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    assert after == before
    create(site, "recovered", "well")
    assert answer_of(site, ended(site, "recovered")) == b"seen well"

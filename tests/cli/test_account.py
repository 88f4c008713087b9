"""`clary account` as a user types it, against a server of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

LEFT_OUT = ("AWS_", "CLARY_", "HTTPS_PROXY", "https_proxy")
ACCESS_ROLE = "OrganizationAccountAccessRole"
HELD = """
name = "held"
repositories = ["held"]
[programs]
train = ["python", "/opt/image/train.py"]
"""
TRAIN = """
import pathlib, signal
signal.signal(signal.SIGTERM, lambda *_: exit())
pathlib.Path("/opt/ml/model/answer").write_text("saved")
print("ready", flush=True)
while True:
    signal.pause()
"""


def clary(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one command with a home of its own, which is also where its `~/.aws` is."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    more = {"CLARY_HOME": str(home), "HOME": str(home.parent), "NO_COLOR": "1"}
    return subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "clary.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, **more},
        timeout=90,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a running server."""
    home = tmp_path_factory.mktemp("user") / "clary"
    up = clary(home, "up", "--detach", "--port", "0")
    assert up.returncode == 0, up.stderr
    yield home
    assert clary(home, "down", "--yes").returncode == 0


def client(key: dict[str, str], service: str) -> Any:
    """Return a client with a key as `--json` prints it."""
    return boto3.client(  # type: ignore[call-overload]  # the stubs know each service by its literal name
        service,
        endpoint_url=key["EndpointUrl"],
        region_name=key["Region"],
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def created(home: Path, name: str, *words: str) -> dict[str, str]:
    """Make an account; answer what `--json` prints."""
    done = clary(home, "account", "create", name, "--json", *words)
    assert done.returncode == 0, done.stderr
    key: dict[str, str] = json.loads(done.stdout)
    return key


def listed(home: Path) -> dict[str, str]:
    """Answer the status of every account by number."""
    told = clary(home, "account", "list", "--json")
    return {one["Id"]: one["Status"] for one in json.loads(told.stdout)}


def test_a_made_account_is_used_with_the_key_it_comes_with(home: Path) -> None:
    key = created(home, "first team", "--id", "123456789012")
    assert key["Account"] == "123456789012"
    assert client(key, "sts").get_caller_identity()["Account"] == "123456789012"
    assert listed(home)["123456789012"] == "ACTIVE"
    told = clary(home, "account", "list").stdout.splitlines()
    assert told[0].startswith("000000000000")
    assert any(line.startswith("123456789012  ACTIVE") and "first team" in line for line in told)


def test_a_name_s_address_and_a_number_are_taken_once(home: Path) -> None:
    created(home, "twice", "--id", "222222222222")
    again = clary(home, "account", "create", "twice")
    assert again.returncode == 1
    assert "give one with --email" in again.stderr
    other = clary(home, "account", "create", "twice", "--email", "b@example.com", "--id", "222222222222")
    assert other.returncode == 1
    assert "222222222222" in other.stderr
    assert clary(home, "account", "create", "x", "--id", "12").returncode == 2
    assert created(home, "twice", "--email", "c@example.com")
    named = clary(home, "account", "key", "twice")
    assert named.returncode == 1
    assert "Several accounts are called twice: " in named.stderr


def test_further_keys_are_made_and_replaced(home: Path) -> None:
    first = created(home, "keys")
    second = json.loads(clary(home, "account", "key", "keys", "--json").stdout)
    assert client(second, "sts").get_caller_identity()["Account"] == first["Account"]
    third = clary(home, "account", "key", "keys")
    assert third.returncode == 1
    assert "AccessKeysPerUser: 2" in third.stderr
    shown = clary(home, "account", "key", first["Account"], "--replace")
    assert shown.returncode == 0
    assert "export AWS_SECRET_ACCESS_KEY=" in shown.stdout
    with pytest.raises(Exception, match="InvalidClientTokenId"):
        client(second, "sts").get_caller_identity()


def test_a_profile_is_written_and_none_is_overwritten(home: Path) -> None:
    files = home.parent / ".aws"
    files.mkdir(exist_ok=True)
    (files / "config").write_text("[default]\nregion = eu-west-1")
    made = clary(home, "account", "create", "profiles", "--profile", "team")
    assert made.returncode == 0, made.stderr
    assert "SecretAccessKey" not in made.stdout
    assert (files / "credentials").stat().st_mode & 0o777 == 0o600
    assert "[profile team]\nregion = us-east-1\nendpoint_url = http" in (files / "config").read_text()
    code = (
        "import boto3; print(boto3.Session(profile_name='team').client('sts').get_caller_identity()['Arn'])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    told = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**environment, "HOME": str(home.parent)},
    )
    assert told.stdout.strip().endswith(":assumed-role/SageMakerExecutionRole/administrator")
    again = clary(home, "account", "create", "more profiles", "--profile", "team")
    assert again.returncode == 1
    assert "has a profile team already" in again.stderr
    assert "more profiles" not in clary(home, "account", "list").stdout


def test_a_full_account_is_deleted_by_force_after_saying_what_goes(home: Path) -> None:
    key = created(home, "full")
    s3 = client(key, "s3")
    s3.put_object(Bucket=f"sagemaker-us-east-1-{key['Account']}", Key="a", Body=b"x")
    client(key, "iam").create_user(UserName="bob")
    refused = clary(home, "account", "delete", "full")
    assert refused.returncode == 1
    assert "still holds 1 iam User, 1 s3 Bucket. --force destroys all of it." in refused.stderr
    done = clary(home, "account", "delete", "full", "--force", "--yes")
    assert done.returncode == 0, done.stderr
    assert "still holds 1 iam User, 1 s3 Bucket. All of it will be destroyed." in done.stdout
    assert listed(home)[key["Account"]] == "SUSPENDED"
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        s3.list_buckets()
    assert clary(home, "account", "delete", "full").returncode == 1


def test_an_empty_account_is_deleted_without_questions_and_the_first_never(home: Path) -> None:
    created(home, "empty")
    assert clary(home, "account", "delete", "empty").returncode == 0
    kept = clary(home, "account", "delete", "000000000000", "--force", "--yes")
    assert kept.returncode == 1
    assert "cannot be closed" in kept.stderr


@pytest.mark.slow
def test_chaos_and_down_reach_the_jobs_of_every_account(tmp_path: Path) -> None:
    home = tmp_path / "clary"
    image = home / "images" / "held"
    image.mkdir(parents=True)
    (image / "image.toml").write_text(HELD)
    (image / "train.py").write_text(TRAIN)
    up = ("up", "--detach", "--port", "0")
    assert clary(home, *up).returncode == 0
    mine, orphan = created(home, "team"), created(home, "orphan")
    iam = client(orphan, "iam")
    iam.detach_role_policy(RoleName=ACCESS_ROLE, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.delete_role(RoleName=ACCESS_ROLE)
    sagemaker, logs = client(mine, "sagemaker"), client(mine, "logs")
    sagemaker.create_training_job(
        TrainingJobName="held",
        RoleArn=f"arn:aws:iam::{mine['Account']}:role/SageMakerExecutionRole",
        AlgorithmSpecification={"TrainingImage": "held", "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": f"s3://sagemaker-us-east-1-{mine['Account']}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300, "MaxWaitTimeInSeconds": 300},
        EnableManagedSpotTraining=True,
    )
    wait_until_ready(sagemaker, logs, 1)
    chaos = clary(home, "chaos", "spot")
    assert chaos.returncode == 0, chaos.stderr
    assert f"held (account {mine['Account']}): its capacity is taken back" in chaos.stdout
    assert f"Jobs of the account {orphan['Account']} are left alone: " in chaos.stderr
    wait_until_ready(sagemaker, logs, 2)
    down = clary(home, "down", "--yes")
    assert down.returncode == 0, down.stderr
    assert f"Running jobs: held (account {mine['Account']})" in down.stdout
    assert f"Jobs of the account {orphan['Account']} are not asked to stop: " in down.stderr
    assert clary(home, *up).returncode == 0
    try:
        key = json.loads(clary(home, "account", "key", "team", "--json").stdout)
        job = client(key, "sagemaker").describe_training_job(TrainingJobName="held")
    finally:
        assert clary(home, "down", "--yes").returncode == 0
    assert job["TrainingJobStatus"] == "Stopped", job.get("FailureReason")
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("model.tar.gz")


@pytest.mark.slow
def test_down_stops_processing_jobs_of_every_account(tmp_path: Path) -> None:
    home, up = tmp_path / "clary", ("up", "--detach", "--port", "0")
    assert clary(home, *up).returncode == 0
    mine = created(home, "team")
    sagemaker = client(mine, "sagemaker")
    sagemaker.create_processing_job(
        ProcessingJobName="sifting",
        RoleArn=f"arn:aws:iam::{mine['Account']}:role/SageMakerExecutionRole",
        AppSpecification={"ImageUri": "sagemaker-scikit-learn", "ContainerEntrypoint": ["sleep", "600"]},
        ProcessingResources={
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
    )
    down = clary(home, "down", "--yes")
    assert down.returncode == 0, down.stderr
    assert f"Running jobs: sifting (account {mine['Account']})" in down.stdout
    assert clary(home, *up).returncode == 0
    try:
        key = json.loads(clary(home, "account", "key", "team", "--json").stdout)
        job = client(key, "sagemaker").describe_processing_job(ProcessingJobName="sifting")
    finally:
        assert clary(home, "down", "--yes").returncode == 0
    assert job["ProcessingJobStatus"] == "Stopped", job.get("FailureReason")


def wait_until_ready(sagemaker: Any, logs: Any, times: int) -> None:
    """Wait until the held job has said so many times that it waits to be stopped."""
    deadline = time.monotonic() + 90
    while (told := ready(logs)) < times:
        job = sagemaker.describe_training_job(TrainingJobName="held")
        assert time.monotonic() < deadline, (told, job)


def ready(logs: Any) -> int:
    """Return how many attempts of the held job wait, or waited, to be stopped."""
    try:
        events = logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return 0
    return sum("ready" in event["message"] for event in events)

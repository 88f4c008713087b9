"""A person gets into a running job, and who may is decided by the server and written down."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from tests.stories.server import Clary
from tests.stories.test_accounts import client, command
from tests.stories.test_truth import SKLEARN, job, put

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
OTHER = "222222222222"


def start(clary: Clary, sagemaker: Any, name: str, account: str = "000000000000", **members: object) -> None:
    """Start a job that waits, and wait until it does."""
    asked = job(name, SKLEARN, {})
    del asked["InputDataConfig"]
    asked["AlgorithmSpecification"]["ContainerEntrypoint"] = ["sh", "-c", "echo waiting; exec sleep 600"]
    asked["OutputDataConfig"] = {"S3OutputPath": f"s3://sagemaker-us-east-1-{account}/out"}
    asked["RoleArn"] = f"arn:aws:iam::{account}:role/SageMakerExecutionRole"
    sagemaker.create_training_job(**{**asked, **members})
    until(sagemaker, name, "Training")


def until(sagemaker: Any, name: str, status: str) -> None:
    """Look, which the server answers when there is news, until a job's secondary status is the one."""
    while sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] != status:
        pass


def audited(clary: Clary, count: int) -> list[tuple[str, str, int]]:
    """Wait for so many lines of the audit log, which is written by a thread of its own."""
    end = time.monotonic() + 90
    while True:
        text = "".join(path.read_text() for path in clary.home.glob("logs/audit-*.jsonl"))
        asked = [line for line in text.splitlines() if '"AttachTrainingJob"' in line and line.endswith("}")]
        if len(asked) >= count:
            break
        assert time.monotonic() < end, asked
    told = [json.loads(line) for line in asked]
    return [(line["account"], line["resource"].rpartition("/")[2], line["status"]) for line in told]


def test_the_administrator_may_always_and_others_where_remote_debugging_is_on(clary: Clary) -> None:
    put(clary, "attach/nothing", b"")
    sagemaker = clary.client("sagemaker")
    start(clary, sagemaker, "mine")
    done = clary.command("attach", "mine", "--", "sh", "-c", "echo $TRAINING_JOB_NAME; exit 4", check=False)
    assert (done.stdout, done.returncode) == ("mine\n", 4), done.stderr
    wrong = clary.command("attach", "mine", "--host", "algo-2", check=False)
    assert (wrong.returncode, "There is no host algo-2; there are algo-1." in wrong.stderr) == (1, True)
    nobody = clary.command("attach", "nobody", check=False)
    assert "There is no training job nobody in the account 000000000000" in nobody.stderr

    sagemaker.stop_training_job(TrainingJobName="mine")
    until(sagemaker, "mine", "Stopped")
    over = clary.command("attach", "mine", "--", "true", check=False)
    assert "The training job mine is Stopped (Stopped)" in over.stderr

    keys = json.loads(command(clary, "create", "other", "--id", OTHER, "--json"))
    theirs = client(keys, "sagemaker")
    start(clary, theirs, "theirs", OTHER)
    refused = clary.command("attach", "theirs", "--account", OTHER, "--", "true", check=False)
    assert refused.returncode == 1
    assert "Remote debugging of the training job theirs is off" in refused.stderr
    theirs.update_training_job(TrainingJobName="theirs", RemoteDebugConfig={"EnableRemoteDebug": True})
    described = theirs.describe_training_job(TrainingJobName="theirs")
    assert described["RemoteDebugConfig"] == {"EnableRemoteDebug": True}
    open_now = clary.command("attach", "theirs", "--account", OTHER, "--", "hostname", check=False)
    assert (open_now.stdout, open_now.returncode) == ("algo-1\n", 0), open_now.stderr
    theirs.stop_training_job(TrainingJobName="theirs")
    until(theirs, "theirs", "Stopped")

    own = "000000000000"
    assert audited(clary, 6) == [
        (own, "mine", 200),
        (own, "mine", 200),
        (own, "nobody", 400),
        (own, "mine", 400),
        (OTHER, "theirs", 403),
        (OTHER, "theirs", 200),
    ]


@pytest.mark.parametrize("isolated", [False, True])
def test_each_host_of_several_is_attached_to_by_its_name(clary: Clary, isolated: bool) -> None:
    put(clary, "attach/nothing", b"")
    sagemaker, name = clary.client("sagemaker"), f"hosts-{isolated}"
    two = {"InstanceType": "ml.t3.medium", "InstanceCount": 2, "VolumeSizeInGB": 1}
    start(clary, sagemaker, name, ResourceConfig=two, EnableNetworkIsolation=isolated)
    address = "hostname; getent hosts algo-2 | cut -d ' ' -f 1"
    for host in ("algo-1", "algo-2"):
        done = clary.command("attach", name, "--host", host, "--", "sh", "-c", address)
        assert done.stdout.split()[0] == host
        assert done.stdout.split()[1].startswith("10." if isolated else "127.")
    wrong = clary.command("attach", name, "--host", "algo-3", check=False)
    assert "There is no host algo-3; there are algo-1, algo-2." in wrong.stderr
    sagemaker.stop_training_job(TrainingJobName=name)
    until(sagemaker, name, "Stopped")

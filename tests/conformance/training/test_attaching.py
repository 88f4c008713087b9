"""Who may attach to a training job: its owner where debugging is on, and the administrator in person."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.conformance.training.test_training_job_records import BUCKET, request

from clary.resources.training.training_job import TRAINING_JOB

if TYPE_CHECKING:
    from tests.conftest import Server

START = "ssm:StartSession"


@pytest.fixture
def job(server: Server) -> Iterator[str]:
    """The name of a job whose record says that it trains."""
    name = f"a{uuid4().hex[:8]}"
    server.client("s3").put_object(Bucket=BUCKET, Key="c/train/train.csv", Body=b"1,2\n")
    sagemaker = server.client("sagemaker")
    sagemaker.create_training_job(**request(name))
    records = server.parts.records.scoped("000000000000", "us-east-1")
    records.update(records.get(TRAINING_JOB, {"TrainingJobName": name}), {"SecondaryStatus": "Training"})
    yield name
    sagemaker.stop_training_job(TrainingJobName=name)


def attach(server: Server, name: str, keys: dict[str, str]) -> tuple[int, str]:
    """Ask to attach; return the status, and the run or the reason."""
    path = f"/_clary/attach/{name}"
    asked = AWSRequest(method="GET", url=f"{server.url}{path}")
    known = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    SigV4Auth(known, "sagemaker", "us-east-1").add_auth(asked)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    connection.request("GET", path, headers=dict(asked.headers))
    answer = connection.getresponse()
    told = json.load(answer)
    connection.close()
    return answer.status, told.get("Run") or told["message"]


def federated(server: Server, *actions: str) -> dict[str, str]:
    """Return keys of a federated user whom the administrator lets do some things."""
    allowed: list[dict[str, Any]] = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    keys: dict[str, str] = server.client("sts").get_federation_token(Name="guest", Policy=policy)[
        "Credentials"
    ]
    return keys


def test_the_administrator_gets_in_and_whom_it_vouches_for_needs_permission_and_the_flag(
    server: Server, job: str
) -> None:
    status, run = attach(server, job, server.keys)
    assert (status, run.endswith("-1")) == (200, True)
    status, why = attach(server, job, federated(server, "sagemaker:*"))
    assert (status, START in why and "session policy" in why) == (403, True)
    guest = federated(server, START)
    status, why = attach(server, job, guest)
    assert (status, f"Remote debugging of the training job {job} is off" in why) == (403, True)
    on = {"EnableRemoteDebug": True}
    server.client("sagemaker").update_training_job(TrainingJobName=job, RemoteDebugConfig=on)
    assert attach(server, job, guest) == (200, run)


def test_who_may_not_attach_is_not_told_how_the_job_is(server: Server, job: str) -> None:
    server.client("sagemaker").stop_training_job(TrainingJobName=job)
    assert "is Stopping (Stopping)" in attach(server, job, server.keys)[1]
    assert START in attach(server, job, federated(server, "sagemaker:*"))[1]

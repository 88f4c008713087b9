"""The guide about events: its Python does what it says."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from tests.controllers.events.carrying import ACCOUNT, REGION, courier
from tests.controllers.events.test_begun import executions, version

from clary.operations.bootstrap import EXECUTION_ROLE
from clary.resources.training.training_job import TRAINING_JOB

if TYPE_CHECKING:
    from tests.conftest import Server

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guide-events.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def told(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Run the guide's Python as a script of a user's, with a courier about."""
    sagemaker = server.client("sagemaker")
    role = server.client("iam").get_role(RoleName=EXECUTION_ROLE)["Role"]["Arn"]
    declared = [{"Name": "Package", "Type": "String", "DefaultValue": "-"}]
    definition = json.dumps({"Version": "2020-12-01", "Parameters": declared, "Steps": []})
    sagemaker.create_pipeline(PipelineName="deploy", PipelineDefinition=definition, RoleArn=role)
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server.keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": server.keys["SecretAccessKey"],
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    known: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "guide-events.md", "exec"), known)  # noqa: S102 - the guide's own
    stop = threading.Event()
    thread = threading.Thread(target=courier(server).run, args=(stop,), name="courier")
    thread.start()
    yield known
    stop.set()
    thread.join(90)
    for rule, target in (("failed-jobs", "queue"), ("approved", "deploy"), ("arrived", "deploy")):
        known["events"].remove_targets(Rule=rule, Ids=[target])
        known["events"].delete_rule(Name=rule)
    known["scheduler"].delete_schedule(Name="nightly")


def test_the_guides_rules_and_schedule_do_what_it_says(server: Server, told: dict[str, Any]) -> None:
    assert len(BLOCKS) == 5
    store = server.stores.records.scoped(ACCOUNT, REGION)
    name = f"job-{uuid4().hex}"
    job = store.create(TRAINING_JOB, {"TrainingJobName": name, "RoleArn": "arn:aws:iam::1:role/R"})
    store.update(job, {"TrainingJobStatus": "Failed", "FailureReason": "no data"})
    for _ in range(9):
        if found := told["sqs"].receive_message(QueueUrl=told["url"], WaitTimeSeconds=10).get("Messages"):
            break
    [message] = found
    assert json.loads(message["Body"]) == {"job": name, "why": "no data"}

    sagemaker = server.client("sagemaker")
    arn = version(sagemaker, "churn")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    for key in ("notes.txt", "table.csv"):
        told["s3"].put_object(Bucket="incoming-files", Key=key, Body=b"")
    look = threading.Event()
    for _ in range(900):
        if len(executions(sagemaker, "deploy")) == 2:
            break
        look.wait(0.1)
    wanted = [{"Package": arn}, {"Package": "table.csv"}]
    assert sorted(executions(sagemaker, "deploy"), key=str) == sorted(wanted, key=str)

    schedule = told["scheduler"].get_schedule(Name="nightly")
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"

"""A step makes something and remembers it, both or neither: nothing that was made is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.conformance.iam.people import allow, role
from tests.operations.pipelines.written import BUCKET, IMAGE, callback, training

from clary.controllers.pipelines.step import Begin
from clary.core.errors import Moved
from clary.store.records import Record

if TYPE_CHECKING:
    from tests.operations.pipelines.life import Life


@pytest.fixture(scope="module")
def anything(life: Life) -> str:
    return role(life.server, {"Service": "sagemaker.amazonaws.com"}, allow("*"))


def begun(life: Life, arn: str, name: str) -> tuple[Record, Begin]:
    """Let an execution begin, and return a step of it that is about to make its call."""
    executions, steps = life.controllers
    now = life.server.parts.clock.now()
    execution = life.records.by_arn(arn)
    assert execution is not None
    executions.act(execution, executions.look(execution, now))
    record = life.record(arn, name)
    begin = steps.look(record, now)
    assert isinstance(begin, Begin)
    return record, begin


def register(life: Life, group: str) -> dict[str, Any]:
    life.server.client("s3").put_object(Bucket=BUCKET, Key=f"{group}/model.tar.gz", Body=b"x")
    formats = ["text/csv"]
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{group}/model.tar.gz"}],
        "SupportedContentTypes": formats,
        "SupportedResponseMIMETypes": formats,
    }
    arguments = {"ModelPackageGroupName": group, "InferenceSpecification": specification}
    return {"Name": "Go", "Type": "RegisterModel", "Arguments": arguments}


def made(life: Life, arn: str, group: str, queue: str) -> int:
    """Return how many things there are that the step may have made."""
    jobs = life.sagemaker.list_training_jobs(NameContains=f"pipelines-{arn.rpartition('/')[2]}-Go-")
    found = len(jobs["TrainingJobSummaries"])
    if life.sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]:
        packages = life.sagemaker.list_model_packages(ModelPackageGroupName=group)
        found += len(packages["ModelPackageSummaryList"])
    messages: Any = life.server.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return found + len(messages.get("Messages", []))


@pytest.mark.parametrize("kind", ["Training", "RegisterModel", "Callback"])
def test_what_is_stopped_while_it_begins_makes_nothing_and_what_began_before_is_stopped(
    life: Life, kind: str, anything: str
) -> None:
    group = f"beginning-{uuid4().hex[:8]}"
    queue: str = life.server.client("sqs").create_queue(QueueName=group)["QueueUrl"]
    step = {
        "Training": lambda: training("Go"),
        "RegisterModel": lambda: register(life, group),
        "Callback": lambda: callback("Go", queue, {}),
    }[kind]()
    name = life.create(step, role=anything)

    arn = life.start(name)
    record, begin = begun(life, arn, "Go")
    life.records.update(record, {"StepStatus": "Stopping"}, due=life.server.parts.clock.now())
    with pytest.raises(Moved):
        life.controllers[1].act(record, begin)
    assert made(life, arn, group, queue) == 0
    life.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert life.go_on(arn)["PipelineExecutionStatus"] == "Stopped"

    arn = life.start(name)
    record, begin = begun(life, arn, "Go")
    life.controllers[1].act(record, begin)
    assert made(life, arn, group, queue) == 1, "kill -9 falls behind the call"
    life.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    life.go_on(arn)
    if kind == "Training":
        assert life.made(arn, "Go").status == "Stopping"
    wanted = {"Training": "Stopping", "RegisterModel": "Succeeded", "Callback": "Stopping"}
    assert life.statuses(arn) == {"Go": wanted[kind]}


def test_a_value_of_the_wrong_type_fails_the_step_by_its_path(life: Life) -> None:
    key = f"{uuid4().hex[:8]}/found.json"
    life.server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b'{"depth": 5}')
    deep = {"Std:JsonGet": {"S3Uri": f"s3://{BUCKET}/{key}", "Path": "depth"}}
    arn = life.run(training("Go", given={"max_depth": deep}))
    reason = life.steps(arn)["Go"]["FailureReason"]
    assert reason.startswith("ClientError: HyperParameters.max_depth of CreateTrainingJob has the wrong type")

"""A step makes something and remembers it, both or neither: nothing that was made is forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.conformance.iam.people import allow, role, trust
from tests.operations.pipelines.written import BUCKET, IMAGE, ROLE, callback, condition, fail, training

from clary.controllers.pipelines import making
from clary.controllers.pipelines.definitions import Definitions
from clary.controllers.pipelines.execution_world import PipelineExecutions
from clary.controllers.pipelines.step import Begin
from clary.controllers.pipelines.step_world import PipelineExecutionSteps
from clary.controllers.step import Step
from clary.core.document import Document
from clary.core.errors import ApiError, Moved
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


def test_what_another_execution_makes_at_the_same_time_is_taken_as_it_is(life: Life) -> None:
    def raced(role: str, region: str, operation: str, request: Document, more: Document) -> Document:
        if operation.startswith("Create"):
            life.means.call_as(role, region, operation, request, more)
        return life.means.call_as(role, region, operation, request, more)

    means, name = replace(life.means, call_as=raced), f"raced-{uuid4().hex[:8]}"
    life.server.client("sagemaker").create_pipeline(
        PipelineName=name,
        RoleArn=ROLE,
        PipelineDefinition=life.definition(
            training("Go"), PipelineExperimentConfig={"ExperimentName": name, "TrialName": name}
        ),
    )
    execution = life.records.by_arn(life.start(name))
    assert execution is not None
    prepared = PipelineExecutions(means, Definitions(means), life.trusts).act(
        execution, Step(effect="prepare")
    )
    assert not isinstance(prepared, Step)
    assert prepared["PipelineExperimentConfig"] == {"ExperimentName": name, "TrialName": name}
    making.prepare(means, execution, ROLE, {"ModelPackageGroupName": name})
    groups = life.sagemaker.list_model_package_groups(NameContains=name)["ModelPackageGroupSummaryList"]
    assert len(groups) == 1


def test_a_value_of_the_wrong_type_fails_the_step_by_its_path(life: Life) -> None:
    key = f"{uuid4().hex[:8]}/found.json"
    life.server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b'{"depth": 5}')
    deep = {"Std:JsonGet": {"S3Uri": f"s3://{BUCKET}/{key}", "Path": "depth"}}
    arn = life.run(training("Go", given={"max_depth": deep}))
    reason = life.steps(arn)["Go"]["FailureReason"]
    assert reason.startswith("ClientError: HyperParameters.max_depth of CreateTrainingJob has the wrong type")


def test_a_describe_that_fails_with_our_own_mistake_is_asked_again(life: Life) -> None:
    broken = ["InternalFailure", "ThrottlingException"]

    def call_as(role: str, region: str, operation: str, request: Document, more: Document) -> Document:
        if operation == "DescribeTrainingJob" and broken:
            raise ApiError("not now", code=broken.pop(), status=500)
        return life.means.call_as(role, region, operation, request, more)

    means = replace(life.means, call_as=call_as)
    steps = PipelineExecutionSteps(means, Definitions(means), life.trusts)
    made = {"Get": "Steps.One.TrainingJobName"}
    arn = life.run(training("One"), condition("Go", made, 1))
    life.end(arn, "One")
    assert "do not compare" in life.steps(arn)["Go"]["FailureReason"]
    record = life.record(arn, "Go")
    record = life.records.update(record, {"StepStatus": "Starting", "AttemptCount": 1})
    for attempt in (2, 3):
        decided = steps.look(record, record.doc.get("_RetryAt", life.server.parts.clock.now()))
        assert decided.write["AttemptCount"] == attempt, "as throttling and faults are tried again"
        record = life.records.update(record, decided.write)
    decided = steps.look(record, record.doc["_RetryAt"])
    assert "do not compare" in decided.write["FailureReason"]


def test_a_role_that_lets_sagemaker_in_no_longer_begins_nothing(life: Life) -> None:
    own = role(life.server, {"Service": "sagemaker.amazonaws.com"}, allow("*"))
    name = life.create(training("One"), fail("Two", "x", DependsOn=["One"]), role=own)
    arn = life.start(name)
    life.go_on(arn)
    iam = life.server.client("iam")
    closed = trust({"Service": "lambda.amazonaws.com"})
    iam.update_assume_role_policy(RoleName=own.rpartition("/")[2], PolicyDocument=closed)
    life.end(arn, "One")
    assert "Two: ClientError: Could not assume role" in life.described(arn)["FailureReason"]
    with pytest.raises(ClientError, match="Could not assume role"):
        life.start(name)


def test_a_name_may_be_put_together(life: Life) -> None:
    step = training("One", given={"called": {"Get": "Execution.TrainingJobName"}})
    head = [{"Get": "Parameters.Head"}, "mine"]
    step["Arguments"]["TrainingJobName"] = {"Std:Join": {"On": "-", "Values": head}}
    arn = life.run(step, parameters=[{"Name": "Head", "Type": "String", "DefaultValue": "all"}])
    job = life.sagemaker.describe_training_job(TrainingJobName=life.made(arn, "One").name)
    assert job["TrainingJobName"].startswith("all-mine-")
    assert job["HyperParameters"]["called"] == job["TrainingJobName"]

"""Executions of pipelines from their start to their end, stopped, retried, selected and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.operations.pipelines.life import ROLE
from tests.operations.pipelines.written import condition, fail, model, training

from clary.resources.registry import find

if TYPE_CHECKING:
    from tests.operations.pipelines.life import Life


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_steps_begin_when_what_they_wait_for_has_ended(life: Life) -> None:
    arn = life.run(training("One"), training("Two", DependsOn=["One"]), training("Other"))
    assert life.statuses(arn) == {"One": "Executing", "Other": "Executing"}
    life.end(arn, "One")
    assert life.statuses(arn) == {"One": "Succeeded", "Other": "Executing", "Two": "Executing"}
    life.end(arn, "Two")
    assert life.end(arn, "Other")["PipelineExecutionStatus"] == "Succeeded"
    job = life.made(arn, "One")
    assert job.name.startswith(f"pipelines-{arn.rpartition('/')[2]}-One-")
    assert life.steps(arn)["One"]["AttemptCount"] == 1


def test_a_failed_step_fails_the_execution_with_its_name_and_cause(life: Life) -> None:
    arn = life.run(training("One"), training("Two", DependsOn=["One"]))
    told = life.end(arn, "One", "Failed", FailureReason="AlgorithmError: it broke")
    assert told["PipelineExecutionStatus"] == "Failed"
    assert "One: AlgorithmError: it broke" in told["FailureReason"]
    step = life.steps(arn)["One"]
    assert (step["StepStatus"], step["FailureReason"]) == ("Failed", "AlgorithmError: it broke")
    assert step["EndTime"] >= step["StartTime"]


def test_no_more_steps_run_at_once_than_the_execution_says(life: Life) -> None:
    name = life.create(*(training(f"Step{n}") for n in range(4)))
    arn = life.start(name, ParallelismConfiguration={"MaxParallelExecutionSteps": 2})
    life.go_on(arn)
    assert list(life.statuses(arn).values()) == ["Executing", "Executing"]
    life.end(arn, "Step0")
    assert list(life.statuses(arn).values()).count("Executing") == 2


def test_the_same_token_starts_one_execution(life: Life) -> None:
    name, token = life.create(fail("Stop", "here")), uuid4().hex
    arn = life.start(name, ClientRequestToken=token)
    assert life.start(name, ClientRequestToken=token) == arn
    assert life.start(name) != arn


def test_parameters_are_held_against_the_definition(life: Life) -> None:
    declared = [{"Name": "Rows", "Type": "Integer"}, {"Name": "Word", "Type": "String", "DefaultValue": "w"}]
    name = life.create(fail("Stop", {"Get": "Parameters.Word"}), parameters=declared)
    start = life.sagemaker.start_pipeline_execution
    for wrong in ([], [{"Name": "Rows", "Value": "x"}], [{"Name": "Absent", "Value": "1"}]):
        assert refusal(start, PipelineName=name, PipelineParameters=wrong)[0] == "ValidationException"
    arn = life.start(name, PipelineParameters=[{"Name": "Rows", "Value": "3"}])
    assert "Stop: w" in life.go_on(arn)["FailureReason"]
    listed = life.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    assert {each["Name"]: each["Value"] for each in listed["PipelineParameters"]} == {
        "Rows": "3",
        "Word": "w",
    }


def test_a_stopped_execution_stops_its_jobs_and_begins_nothing_more(life: Life) -> None:
    arn = life.run(training("One"), training("Two", DependsOn=["One"]))
    life.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert life.go_on(arn)["PipelineExecutionStatus"] == "Stopping"
    assert life.made(arn, "One").status == "Stopping"
    assert life.end(arn, "One", "Stopped")["PipelineExecutionStatus"] == "Stopped"
    assert life.statuses(arn) == {"One": "Stopped"}
    code, _ = refusal(life.sagemaker.stop_pipeline_execution, PipelineExecutionArn=arn)
    assert code == "ConflictException"


def test_a_retried_execution_goes_on_at_the_step_that_failed(life: Life) -> None:
    arn = life.run(training("One"), training("Two", DependsOn=["One"]))
    life.end(arn, "One")
    first = life.made(arn, "One").name
    life.end(arn, "Two", "Failed", FailureReason="AlgorithmError: once")
    failed = life.made(arn, "Two").name
    life.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    told = life.go_on(arn)
    assert told["PipelineExecutionStatus"] == "Executing"
    assert "FailureReason" not in told
    assert life.statuses(arn) == {"One": "Succeeded", "Two": "Executing"}
    assert life.made(arn, "One").name == first
    assert life.made(arn, "Two").name != failed
    assert life.end(arn, "Two")["PipelineExecutionStatus"] == "Succeeded"


def test_a_refused_call_is_tried_again_as_its_policy_says(life: Life) -> None:
    policy = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 600, "MaxAttempts": 2}
    arn = life.run(training("One", RetryPolicies=[policy]))
    first = life.made(arn, "One").name
    told = life.end(arn, "One", "Failed", FailureReason="InternalServerError: host lost")
    assert told["PipelineExecutionStatus"] == "Executing"
    step = life.steps(arn)["One"]
    assert (step["AttemptCount"], step["StepStatus"]) == (2, "Starting")
    life.hurry(arn, "One")
    assert life.statuses(arn) == {"One": "Executing"}
    assert life.made(arn, "One").name != first


def test_selected_steps_run_on_what_an_earlier_execution_made(life: Life) -> None:
    name = life.create(training("Train"), model("Keep", "Train"), fail("End", "of it", DependsOn=["Keep"]))
    before = life.start(name)
    life.go_on(before)
    made = {"S3ModelArtifacts": "s3://sagemaker-us-east-1-000000000000/life/model.tar.gz"}
    life.server.client("s3").put_object(
        Bucket="sagemaker-us-east-1-000000000000", Key="life/model.tar.gz", Body=b"x"
    )
    life.end(before, "Train", ModelArtifacts=made)
    assert life.statuses(before) == {"Train": "Succeeded", "Keep": "Succeeded", "End": "Failed"}
    selection = {"SourcePipelineExecutionArn": before, "SelectedSteps": [{"StepName": "Keep"}]}
    arn = life.start(name, SelectiveExecutionConfig=selection)
    assert life.go_on(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert life.statuses(arn) == {"Train": "Succeeded", "Keep": "Succeeded"}
    steps = life.steps(arn)
    assert steps["Train"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": before}
    assert steps["Train"]["Metadata"] == life.steps(before)["Train"]["Metadata"]
    assert steps["Keep"]["Metadata"] != life.steps(before)["Keep"]["Metadata"]
    code, _ = refusal(
        life.sagemaker.start_pipeline_execution,
        PipelineName=name,
        SelectiveExecutionConfig={"SelectedSteps": [{"StepName": "Keep"}]},
    )
    assert code == "ValidationException"


def test_a_reference_that_leads_nowhere_fails_its_step_with_the_reference(life: Life) -> None:
    arn = life.run(training("One"), model("Keep", "One"))
    life.end(arn, "One")
    step = life.steps(arn)["Keep"]
    assert step["StepStatus"] == "Failed"
    assert "Steps.One.ModelArtifacts" in step["FailureReason"]


def test_a_deleted_pipeline_takes_its_versions_executions_and_steps_along(life: Life) -> None:
    name = life.create(condition("Ask", 1, 2))
    arn = life.start(name)
    assert life.go_on(arn)["PipelineExecutionStatus"] == "Succeeded"
    step = life.record(arn, "Ask")
    life.sagemaker.delete_pipeline(PipelineName=name)
    gone = refusal(life.sagemaker.describe_pipeline_execution, PipelineExecutionArn=arn)
    assert gone == ("ResourceNotFound", f"Pipeline execution with ARN {arn} does not exist.")
    assert life.records.by_uid(step.uid) is None
    life.sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=life.definition())
    assert life.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []
    [version] = life.sagemaker.list_pipeline_versions(PipelineName=name)["PipelineVersionSummaries"]
    assert version["PipelineVersionId"] == 1


def test_a_history_of_many_writes_is_forgotten_as_a_whole(life: Life) -> None:
    name = life.create(condition("Ask", 1, 2))
    life.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=life.definition(fail("End", "x")))
    arns = [life.start(name, PipelineVersionId=1), life.start(name)]
    for arn in arns:
        life.go_on(arn)
    kind = find("sagemaker", "PipelineExecutionStep")
    born = life.record(arns[0], "Ask").doc
    with life.records.database.write():
        for number in range(300):
            life.records.create(kind, {**born, "StepName": f"S{number:04}"})
    life.sagemaker.delete_pipeline(PipelineName=name)
    assert list(life.records.each(kind, under=arns[0].rpartition("/")[2])) == []
    for arn in arns:
        assert life.records.by_arn(arn) is None
    versions = find("sagemaker", "PipelineVersion")
    assert list(life.records.each(versions, under=name)) == []
    assert refusal(life.sagemaker.describe_pipeline, PipelineName=name)[0] == "ResourceNotFound"


def test_steps_are_listed_in_pages_in_either_order(life: Life) -> None:
    arn = life.run(*(condition(f"Ask{n}", n, 2, DependsOn=[f"Ask{n - 1}"] if n else []) for n in range(5)))
    list_steps = life.sagemaker.list_pipeline_execution_steps
    first = list_steps(PipelineExecutionArn=arn, SortOrder="Ascending", MaxResults=3)
    assert [step["StepName"] for step in first["PipelineExecutionSteps"]] == ["Ask0", "Ask1", "Ask2"]
    rest = list_steps(
        PipelineExecutionArn=arn, SortOrder="Ascending", MaxResults=3, NextToken=first["NextToken"]
    )
    assert [step["StepName"] for step in rest["PipelineExecutionSteps"]] == ["Ask3", "Ask4"]
    newest = list_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    assert [step["StepName"] for step in newest] == [f"Ask{n}" for n in range(4, -1, -1)]
    assert newest[-1]["Metadata"]["Condition"]["Outcome"] == "True"
    assert newest[0]["Metadata"]["Condition"]["Outcome"] == "False"

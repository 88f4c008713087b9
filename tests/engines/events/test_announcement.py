"""Events of SageMaker, in the shapes that AWS documents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from clary.core.document import Document
from clary.engines.events.announcement import Change, events_of
from clary.resources import registry

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
HERE = "arn:aws:sagemaker:us-east-1:000000000000"
CHANGE = Change(
    number=7,
    kind="TrainingJob",
    detail_type="SageMaker Training Job State Change",
    account="000000000000",
    region="us-east-1",
    arn=f"{HERE}:training-job/j",
    at=NOON,
    was="InProgress",
    changed=(),
    gone=False,
    doc={
        "TrainingJobName": "j",
        "TrainingJobStatus": "Completed",
        "CreationTime": NOON,
        "SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": NOON}],
        "Tags": [{"Key": "a", "Value": "b"}],
        "_Attempt": 3,
    },
)


def event_of(change: Change) -> Document:
    """Return the one event of a change."""
    (event,) = events_of(change)
    return event


def test_a_change_is_told_in_an_envelope() -> None:
    event = event_of(CHANGE)
    assert list(event) == [
        *("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
    ]
    assert event["time"] == "2026-11-23T12:00:00Z"
    assert event["resources"] == [CHANGE.arn]
    assert event["detail"] == {
        "TrainingJobName": "j",
        "TrainingJobStatus": "Completed",
        "CreationTime": 1795435200250,
        "SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": 1795435200250}],
        "TrainingJobArn": CHANGE.arn,
        "Tags": {"a": "b"},
    }


def test_one_change_has_one_id() -> None:
    assert event_of(CHANGE)["id"] == event_of(CHANGE)["id"] != event_of(replace(CHANGE, number=8))["id"]


def test_endpoints_say_their_status_in_capitals() -> None:
    for status, told in (("InService", "IN_SERVICE"), ("Creating", "CREATING"), ("Novel", "Novel")):
        change = replace(CHANGE, kind="Endpoint", doc={"EndpointName": "e", "EndpointStatus": status})
        assert event_of(change)["detail"]["EndpointStatus"] == told


def test_a_deployment_tells_each_of_its_steps() -> None:
    pending = {"EndpointConfigName": "c", "ProductionVariants": [{"VariantStatus": [{"Status": "Baking"}]}]}
    doc: Document = {"EndpointName": "e", "EndpointStatus": "Updating", "PendingDeploymentSummary": pending}
    told = replace(CHANGE, kind="Endpoint", detail_type="its own", was="Updating", doc=doc)
    step = replace(told, changed=("PendingDeploymentSummary",))
    assert list(events_of(told)) == []
    event = event_of(step)
    assert event["detail-type"] == "SageMaker Endpoint Deployment State Change"
    assert event["detail"]["PendingDeploymentSummary"] == pending
    assert event["detail"]["EndpointStatus"] == "UPDATING"
    own, first = events_of(replace(step, was="InService"))
    assert (own["detail-type"], first) == ("its own", event)
    assert own["id"] != first["id"]
    over = replace(step, doc={"EndpointName": "e", "EndpointStatus": "InService"})
    assert event_of(over)["detail-type"] == "its own"


def test_a_model_package_says_which_fields_were_updated() -> None:
    doc = {"ModelPackageGroupName": "g", "ModelApprovalStatus": "Approved", "CreationTime": NOON}
    change = replace(CHANGE, kind="ModelPackage", doc=doc, changed=("ModelApprovalStatus",))
    detail = event_of(change)["detail"]
    assert detail["UpdatedModelPackageFields"] == ["ModelApprovalStatus"]
    assert detail["CreationTime"] == "2026-11-23T12:00:00Z"
    assert "Tags" not in detail


def test_an_execution_says_what_it_is_and_was() -> None:
    arn = f"{HERE}:pipeline/p/execution/abc"
    doc = {"PipelineExecutionStatus": "Succeeded", "CreationTime": NOON, "LastModifiedTime": NOON}
    event = event_of(replace(CHANGE, kind="PipelineExecution", arn=arn, was="Executing", doc=doc))
    assert event["resources"] == [f"{HERE}:pipeline/p", arn]
    assert event["detail"] == {
        "currentPipelineExecutionStatus": "Succeeded",
        "previousPipelineExecutionStatus": "Executing",
        "executionStartTime": "2026-11-23T12:00:00Z",
        "executionEndTime": "2026-11-23T12:00:00Z",
        "pipelineArn": f"{HERE}:pipeline/p",
        "pipelineExecutionArn": arn,
    }


def test_a_step_names_its_execution_and_what_it_made() -> None:
    arn = f"{HERE}:pipeline/p/execution/abc/step/train"
    doc = {
        "StepName": "train",
        "StepType": "Training",
        "StepStatus": "Failed",
        "FailureReason": "no",
        "StartTime": NOON,
        "Metadata": {"TrainingJob": {"Arn": "arn:j"}},
    }
    event = event_of(replace(CHANGE, kind="PipelineExecutionStep", arn=arn, was="Executing", doc=doc))
    assert event["resources"][1] == f"{HERE}:pipeline/p/execution/abc"
    assert event["detail"] == {
        "metadata": {"trainingJob": {"arn": "arn:j"}},
        "stepStartTime": "2026-11-23T12:00:00Z",
        "stepName": "train",
        "stepType": "Training",
        "previousStepStatus": "Executing",
        "currentStepStatus": "Failed",
        "failureReason": "no",
        "pipelineArn": f"{HERE}:pipeline/p",
        "pipelineExecutionArn": f"{HERE}:pipeline/p/execution/abc",
    }


def test_the_kinds_that_are_announced_are_sagemakers_own() -> None:
    announced = {key: kind for key, kind in registry.load().items() if kind.announced}
    assert len(announced) > 15
    assert {service for service, _ in announced} == {"sagemaker"}
    assert all(kind.announced.startswith("SageMaker ") for kind in announced.values())

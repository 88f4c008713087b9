"""Experiments, trials and trial components as boto3 and the SDKs use them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def names(listed: Any, kind: str) -> list[str]:
    return [each[f"{kind}Name"] for each in listed[f"{kind}Summaries"]]


def test_a_name_is_displayed_unless_another_is_given(sagemaker: Any) -> None:
    sagemaker.create_experiment(ExperimentName="Shown-1")
    sagemaker.create_experiment(ExperimentName="Shown-2", DisplayName="Two")
    assert sagemaker.describe_experiment(ExperimentName="Shown-1")["DisplayName"] == "Shown-1"
    assert sagemaker.describe_experiment(ExperimentName="Shown-2")["DisplayName"] == "Two"
    sagemaker.update_experiment(ExperimentName="Shown-2", Description="d")
    told = sagemaker.describe_experiment(ExperimentName="Shown-2")
    assert (told["DisplayName"], told["Description"]) == ("Two", "d")
    assert told["CreatedBy"]["IamIdentity"]["Arn"] == told["LastModifiedBy"]["IamIdentity"]["Arn"]


def test_names_that_differ_in_case_are_one_name(sagemaker: Any) -> None:
    arn = sagemaker.create_experiment(ExperimentName="Case-One")["ExperimentArn"]
    assert arn.endswith(":experiment/case-one")
    code, text = refusal(sagemaker.create_experiment, ExperimentName="case-one")
    assert code == "ValidationException" and "already exists" in text
    assert sagemaker.describe_experiment(ExperimentName="CASE-ONE")["ExperimentName"] == "Case-One"
    sagemaker.create_trial(TrialName="Case-Trial", ExperimentName="CASE-one")
    assert sagemaker.describe_trial(TrialName="case-trial")["ExperimentName"] == "Case-One"
    assert names(sagemaker.list_trials(ExperimentName="case-ONE"), "Trial") == ["Case-Trial"]


def test_a_trial_needs_its_experiment(sagemaker: Any) -> None:
    code, _ = refusal(sagemaker.create_trial, TrialName="orphan", ExperimentName="nowhere")
    assert code == "ResourceNotFound"
    assert refusal(sagemaker.list_trials, ExperimentName="nowhere")[0] == "ResourceNotFound"


def test_lists_follow_what_belongs_together(sagemaker: Any) -> None:
    for experiment in ("belong-a", "belong-b"):
        sagemaker.create_experiment(ExperimentName=experiment)
        sagemaker.create_trial(TrialName=f"{experiment}-t", ExperimentName=experiment)
    for part in ("belong-1", "belong-2", "belong-12"):
        sagemaker.create_trial_component(TrialComponentName=part)
    pairs = [("belong-1", "belong-a-t"), ("belong-12", "belong-a-t"), ("belong-1", "belong-b-t")]
    for part, trial in pairs:
        told = sagemaker.associate_trial_component(TrialComponentName=part, TrialName=trial)
        assert told["TrialArn"].endswith(trial) and told["TrialComponentArn"].endswith(part)
        sagemaker.associate_trial_component(TrialComponentName=part, TrialName=trial)

    def parts(**by: str) -> list[str]:
        return sorted(names(sagemaker.list_trial_components(**by), "TrialComponent"))

    assert parts(TrialName="belong-a-t") == parts(ExperimentName="belong-a") == ["belong-1", "belong-12"]
    assert parts(TrialName="Belong-B-T") == ["belong-1"]
    assert sorted(names(sagemaker.list_trials(TrialComponentName="belong-1"), "Trial")) == [
        "belong-a-t",
        "belong-b-t",
    ]
    assert names(sagemaker.list_trials(TrialComponentName="belong-2"), "Trial") == []
    assert refusal(sagemaker.list_trial_components, TrialName="gone")[0] == "ResourceNotFound"
    sagemaker.disassociate_trial_component(TrialComponentName="belong-1", TrialName="belong-a-t")
    assert parts(TrialName="belong-a-t") == ["belong-12"]


def test_what_holds_something_is_not_deleted(sagemaker: Any) -> None:
    sagemaker.create_experiment(ExperimentName="held")
    sagemaker.create_trial(TrialName="held-trial", ExperimentName="held")
    sagemaker.create_trial_component(TrialComponentName="held-part")
    sagemaker.associate_trial_component(TrialComponentName="held-part", TrialName="held-trial")
    code, text = refusal(sagemaker.delete_trial_component, TrialComponentName="held-part")
    assert code == "ValidationException" and "is linked to 1 or more trials and cannot be deleted" in text
    for call, request in (
        (sagemaker.delete_experiment, {"ExperimentName": "held"}),
        (sagemaker.delete_trial, {"TrialName": "held-trial"}),
    ):
        assert refusal(call, **request)[0] == "ValidationException"
    sagemaker.disassociate_trial_component(TrialComponentName="held-part", TrialName="held-trial")
    sagemaker.delete_trial_component(TrialComponentName="held-part")
    sagemaker.delete_trial(TrialName="held-trial")
    sagemaker.delete_experiment(ExperimentName="held")
    assert refusal(sagemaker.describe_experiment, ExperimentName="held")[0] == "ResourceNotFound"


def test_a_component_is_updated_key_by_key(sagemaker: Any) -> None:
    began = datetime(2026, 11, 1, tzinfo=UTC)
    sagemaker.create_trial_component(
        TrialComponentName="changing",
        Parameters={"lr": {"NumberValue": 0.1}, "net": {"StringValue": "small"}},
        InputArtifacts={"train": {"Value": "s3://b/train"}},
        OutputArtifacts={"model": {"Value": "s3://b/model", "MediaType": "application/x-tar"}},
        StartTime=began,
        Status={"PrimaryStatus": "InProgress", "Message": "on it"},
    )
    sagemaker.update_trial_component(
        TrialComponentName="changing",
        Parameters={"lr": {"NumberValue": 0.2}, "net": {"StringValue": "small"}},
        ParametersToRemove=["net"],
        InputArtifactsToRemove=["train"],
        OutputArtifactsToRemove=["nothing"],
        Status={"PrimaryStatus": "Completed"},
    )
    told = sagemaker.describe_trial_component(TrialComponentName="changing")
    assert told["Parameters"] == {"lr": {"NumberValue": 0.2}}
    assert not told.get("InputArtifacts") and "model" in told["OutputArtifacts"]
    assert told["Status"] == {"PrimaryStatus": "Completed"}
    assert told["StartTime"] == began
    assert told["DisplayName"] == "changing"
    assert told["LineageGroupArn"].endswith(":lineage-group/sagemaker-default-lineage-group")
    assert sagemaker.describe_trial_component(TrialComponentName=told["TrialComponentArn"])["Status"]


def test_a_component_tells_its_metrics(server: Server, sagemaker: Any) -> None:
    sagemaker.create_trial_component(TrialComponentName="Measured")
    metrics = server.client("sagemaker-metrics")
    now = datetime.now(UTC)
    data = [{"MetricName": "loss", "Timestamp": now, "Step": n, "Value": v} for n, v in enumerate((3.0, 1.0))]
    metrics.batch_put_metrics(TrialComponentName="measured", MetricData=data)
    [told] = sagemaker.describe_trial_component(TrialComponentName="Measured")["Metrics"]
    assert (told["MetricName"], told["Max"], told["Min"], told["Count"], told["Avg"]) == ("loss", 3, 1, 2, 2)
    sagemaker.delete_trial_component(TrialComponentName="Measured")
    sagemaker.create_trial_component(TrialComponentName="Measured")
    assert "Metrics" not in sagemaker.describe_trial_component(TrialComponentName="Measured")

"""Check steps: a baseline is made, and held against the one before; lineage steps record all or nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.conformance.iam.people import allow, deny, role
from tests.operations.pipelines.life import ROLE
from tests.operations.pipelines.written import BUCKET, fail

if TYPE_CHECKING:
    from tests.operations.pipelines.life import Life

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def check(place: str, **said: Any) -> dict[str, Any]:
    """Return a QualityCheck step whose job runs an image that is here."""
    output = {
        "S3Uri": f"s3://{BUCKET}/{place}",
        "LocalPath": "/opt/ml/processing/output",
        "S3UploadMode": "EndOfJob",
    }
    arguments = {
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        "RoleArn": ROLE,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
    }
    return {
        "Name": "Check",
        "Type": "QualityCheck",
        "CheckType": "DATA_QUALITY",
        "Arguments": arguments,
        **said,
    }


@pytest.fixture
def place(life: Life) -> str:
    """A prefix with a baseline of some run before."""
    mark = f"checks/{uuid4().hex[:8]}"
    s3 = life.server.client("s3")
    s3.put_object(Bucket=BUCKET, Key=f"{mark}/before/constraints.json", Body=b"{}")
    return mark


def test_a_first_run_registers_its_baseline(life: Life, place: str) -> None:
    named = {"Get": "Steps.Check.BaselineUsedForDriftCheckConstraints"}
    arn = life.run(check(place, SkipCheck=True, RegisterNewBaseline=True), fail("End", named))
    told = life.steps(arn)["Check"]["Metadata"]["QualityCheck"]
    assert told["CalculatedBaselineStatistics"] == f"s3://{BUCKET}/{place}/statistics.json"
    life.end_made(told["CheckJobArn"], arn)
    assert f"End: s3://{BUCKET}/{place}/constraints.json" in life.described(arn)["FailureReason"]


def test_a_check_without_a_baseline_before_it_fails_and_says_what_to_give(life: Life, place: str) -> None:
    arn = life.run(check(place))
    assert "SuppliedBaselineConstraints" in life.steps(arn)["Check"]["FailureReason"]


@pytest.mark.parametrize(("fails", "status"), [(True, "Failed"), (False, "Succeeded")])
def test_data_that_is_not_as_it_was_fails_the_check_that_is_to_fail(
    life: Life, place: str, fails: bool, status: str
) -> None:
    baseline = f"s3://{BUCKET}/{place}/before/constraints.json"
    arn = life.run(check(place, SuppliedBaselineConstraints=baseline, FailOnViolation=fails))
    told = life.steps(arn)["Check"]["Metadata"]["QualityCheck"]
    assert told["BaselineUsedForDriftCheckConstraints"] == baseline
    job = life.sagemaker.describe_processing_job(ProcessingJobName=told["CheckJobArn"].rpartition("/")[2])
    assert job["Environment"]["baseline_constraints"].endswith("/baseline/constraints/constraints.json")
    assert job["ProcessingInputs"][-1]["S3Input"]["S3Uri"] == baseline
    report = json.dumps({"violations": [{"feature_name": "age"}]}).encode()
    life.server.client("s3").put_object(Bucket=BUCKET, Key=f"{place}/constraint_violations.json", Body=report)
    life.end_made(told["CheckJobArn"], arn)
    step = life.steps(arn)["Check"]
    assert step["StepStatus"] == status
    violations = step["Metadata"]["QualityCheck"]["ViolationReport"]
    assert violations == f"s3://{BUCKET}/{place}/constraint_violations.json"


@pytest.mark.parametrize("denied", [False, True])
def test_a_report_that_cannot_be_read_fails_the_check(life: Life, place: str, denied: bool) -> None:
    key = f"{place}/constraint_violations.json"
    closed = deny("s3:GetObject", f"arn:aws:s3:::{BUCKET}/{key}")
    own = role(life.server, {"Service": "sagemaker.amazonaws.com"}, allow("*"), *[closed] * denied)
    baseline = f"s3://{BUCKET}/{place}/before/constraints.json"
    arn = life.run(check(place, SuppliedBaselineConstraints=baseline), role=own)
    body = b'{"violations": [{}]}' if denied else b'{"violations": 1'
    life.server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    life.end_made(life.steps(arn)["Check"]["Metadata"]["QualityCheck"]["CheckJobArn"], arn)
    step = life.steps(arn)["Check"]
    assert step["StepStatus"] == "Failed"
    assert "Its violations cannot be read" in step["FailureReason"]
    assert key in step["FailureReason"]


def test_what_a_check_is_told_must_be_of_its_type(life: Life, place: str) -> None:
    parameters: list[dict[str, Any]] = [
        {"Name": "Skip", "Type": "String", "DefaultValue": "False"},
        {"Name": "Word", "Type": "String", "DefaultValue": "perhaps"},
        {"Name": "Nowhere", "Type": "Integer", "DefaultValue": 3},
    ]
    skip, word, nowhere = ({"Get": f"Parameters.{each['Name']}"} for each in parameters)
    baseline = f"s3://{BUCKET}/{place}/before/constraints.json"
    for said, words in (
        ({"SkipCheck": word}, "SkipCheck is 'perhaps'"),
        ({"RegisterNewBaseline": word, "SuppliedBaselineConstraints": baseline}, "RegisterNewBaseline is"),
        ({"SuppliedBaselineConstraints": nowhere}, "SuppliedBaselineConstraints is 3"),
        ({"SkipCheck": skip, "RegisterNewBaseline": True}, "no DATA_QUALITY baseline"),
    ):
        arn = life.run(check(place, **said), parameters=parameters)
        assert words in life.steps(arn)["Check"]["FailureReason"]
    outputless = check(place, SkipCheck=True, RegisterNewBaseline=True)
    del outputless["Arguments"]["ProcessingOutputConfig"]
    assert "writes nowhere" in life.steps(life.run(outputless))["Check"]["FailureReason"]


def lineage(mark: str, *associations: dict[str, Any]) -> dict[str, Any]:
    source = {"SourceUri": f"s3://{BUCKET}/{mark}"}
    action = {"ActionName": f"train-{mark}", "ActionType": "ModelTraining", "Source": source}
    artifact = {"ArtifactName": "model", "ArtifactType": "Model", "Source": source}
    arguments = {"Actions": [action], "Artifacts": [artifact], "Associations": list(associations)}
    return {"Name": "Record", "Type": "Lineage", "Arguments": arguments}


def produced(mark: str, what: str) -> dict[str, Any]:
    return {
        "Source": {"Name": f"train-{mark}", "Type": "Action"},
        "Destination": {"Name": what, "Type": "Artifact"},
        "AssociationType": "Produced",
    }


def test_a_lineage_step_records_entities_and_what_joins_them(life: Life) -> None:
    mark = uuid4().hex[:8]
    named = {"Get": "Steps.Record.ArtifactArns['model']"}
    arn = life.run(lineage(mark, produced(mark, "model")), fail("End", named))
    told = life.steps(arn)["Record"]["Metadata"]["Lineage"]
    [pair] = told["Associations"]
    assert pair == {
        "SourceArn": told["ActionArns"][f"train-{mark}"],
        "DestinationArn": told["ArtifactArns"]["model"],
    }
    assert f"End: {pair['DestinationArn']}" in life.described(arn)["FailureReason"]
    listed = life.sagemaker.list_associations(SourceArn=pair["SourceArn"])["AssociationSummaries"]
    assert [each["DestinationArn"] for each in listed] == [pair["DestinationArn"]]


def test_a_lineage_step_that_fails_records_nothing(life: Life) -> None:
    mark = uuid4().hex[:8]
    arn = life.run(lineage(mark, produced(mark, "absent")))
    assert "no Artifact that is called 'absent'" in life.steps(arn)["Record"]["FailureReason"]
    assert life.sagemaker.list_actions(SourceUri=f"s3://{BUCKET}/{mark}")["ActionSummaries"] == []

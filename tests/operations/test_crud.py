"""The generic operations, through the dispatcher, on declared kinds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.operations.calling import ACCOUNT, NOON, REGION, Caller

from clary.core.document import Document
from clary.core.errors import ApiError, NotBuilt
from clary.operations import crud
from clary.resources.inference.endpoint_config import ENDPOINT_CONFIG
from clary.resources.training.training_job import TRAINING_JOB

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture
def clary(tmp_path: Path) -> Caller:
    return Caller(tmp_path)


def model(name: str, **members: object) -> Document:
    return {"ModelName": name, "PrimaryContainer": {"Image": "i"}, **members}


def job(clary: Caller, name: str, **members: object) -> None:
    """Create a job past the checks of CreateTrainingJob, which have tests of their own."""
    arn = f"{ARN}:training-job/{name}"
    clary.records.create(TRAINING_JOB, {"TrainingJobName": name, "TrainingJobArn": arn, **members})


def refusal(clary: Caller, operation: str, request: Document) -> tuple[str, str]:
    with pytest.raises(ApiError) as refused:
        serve = clary.call if operation.endswith("Tags") else clary.generic
        serve(operation, request)
    assert refused.value.status == 400
    return refused.value.code, refused.value.message


def test_create_answers_the_arn_and_describe_the_whole_request(clary: Caller) -> None:
    made = clary.generic(
        "CreateModel", model("Demo", Tags=[{"Key": "a", "Value": "b"}], ExecutionRoleArn="r")
    )
    assert made == {"ModelArn": f"{ARN}:model/demo"}
    assert clary.generic("DescribeModel", {"ModelName": "Demo"}) == {
        "ModelName": "Demo",
        "ModelArn": f"{ARN}:model/demo",
        "PrimaryContainer": {"Image": "i"},
        "ExecutionRoleArn": "r",
        "CreationTime": NOON,
        "EnableNetworkIsolation": False,
    }


def test_absent_and_empty_structures_are_not_answered(clary: Caller) -> None:
    clary.generic("CreateModel", model("m", VpcConfig={}))
    assert "VpcConfig" not in clary.generic("DescribeModel", {"ModelName": "m"})


def test_a_training_job_always_answers_its_kms_key(clary: Caller) -> None:
    job(clary, "j", OutputDataConfig={"S3OutputPath": "s3://b/o"})
    told = clary.generic("DescribeTrainingJob", {"TrainingJobName": "j"})
    assert told["OutputDataConfig"] == {"S3OutputPath": "s3://b/o", "KmsKeyId": ""}
    assert (told["TrainingJobStatus"], told["SecondaryStatus"]) == ("InProgress", "Starting")
    assert told["LastModifiedTime"] == told["CreationTime"] == NOON


def test_members_of_the_controllers_are_not_shown(clary: Caller) -> None:
    job(clary, "j", _Run="x")
    assert "_Run" not in clary.generic("DescribeTrainingJob", {"TrainingJobName": "j"})


def test_variants_without_a_weight_have_the_weight_one(clary: Caller) -> None:
    variants = [{"VariantName": "a", "ModelName": "m"}, {"VariantName": "b", "InitialVariantWeight": 0.0}]
    created = {"EndpointConfigName": "c", "ProductionVariants": variants}
    clary.records.create(ENDPOINT_CONFIG, created)
    told = clary.generic("DescribeEndpointConfig", {"EndpointConfigName": "c"})
    assert [variant["InitialVariantWeight"] for variant in told["ProductionVariants"]] == [1.0, 0.0]


def test_what_is_absent_or_taken_is_said_in_the_words_of_aws(clary: Caller) -> None:
    validation = "ValidationException"
    assert refusal(clary, "DescribeTrainingJob", {"TrainingJobName": "j"}) == (
        validation,
        "Requested resource not found.",
    )
    assert refusal(clary, "DescribeModel", {"ModelName": "M"}) == (
        validation,
        f'Could not find model "{ARN}:model/m".',
    )
    assert refusal(clary, "DescribeEndpoint", {"EndpointName": "e"}) == (
        validation,
        f'Could not find endpoint "{ARN}:endpoint/e".',
    )
    assert refusal(clary, "DeleteEndpointConfig", {"EndpointConfigName": "c"}) == (
        validation,
        f'Could not find endpoint configuration "{ARN}:endpoint-config/c".',
    )
    clary.generic("CreateModel", model("m"))
    assert refusal(clary, "CreateModel", model("m")) == (
        validation,
        f'Cannot create already existing model "{ARN}:model/m".',
    )


def test_a_deleted_name_can_be_used_again(clary: Caller) -> None:
    clary.generic("CreateModel", model("m"))
    assert clary.generic("DeleteModel", {"ModelName": "m"}) == {}
    clary.generic("CreateModel", model("m", ExecutionRoleArn="again"))
    assert clary.generic("DescribeModel", {"ModelName": "m"})["ExecutionRoleArn"] == "again"


def test_a_list_has_ten_summaries_newest_first_unless_asked_otherwise(clary: Caller) -> None:
    for number in range(12):
        clary.clock.at = NOON + timedelta(seconds=number)
        clary.generic("CreateModel", model(f"m{number:02}"))
    first = clary.generic("ListModels")
    assert [m["ModelName"] for m in first["Models"]] == [f"m{number:02}" for number in range(11, 1, -1)]
    assert set(first["Models"][0]) == {"ModelName", "ModelArn", "CreationTime"}
    second = clary.generic("ListModels", {"NextToken": first["NextToken"]})
    assert [m["ModelName"] for m in second["Models"]] == ["m01", "m00"] and "NextToken" not in second
    by_name = clary.generic("ListModels", {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 2})
    assert [m["ModelName"] for m in by_name["Models"]] == ["m00", "m01"]
    late = clary.generic(
        "ListModels", {"CreationTimeAfter": NOON + timedelta(seconds=10), "NameContains": "M1"}
    )
    assert [m["ModelName"] for m in late["Models"]] == ["m11", "m10"]


def test_the_status_filter_of_training_jobs_works_on_pages_already_cut(clary: Caller) -> None:
    for number in range(4):
        clary.clock.at = NOON + timedelta(seconds=number)
        job(clary, f"j{number}")
    oldest = clary.records.find(TRAINING_JOB, "j0")
    assert oldest is not None
    clary.records.update(oldest, {"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed"})
    first = clary.generic("ListTrainingJobs", {"StatusEquals": "Failed", "MaxResults": 3})
    assert first["TrainingJobSummaries"] == []
    rest = clary.generic(
        "ListTrainingJobs", {"StatusEquals": "Failed", "MaxResults": 3, "NextToken": first["NextToken"]}
    )
    assert [summary["TrainingJobName"] for summary in rest["TrainingJobSummaries"]] == ["j0"]


def test_an_update_lays_a_partial_structure_over_the_stored_one(clary: Caller) -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    job(clary, "j", ResourceConfig=resources)
    update = {"TrainingJobName": "j", "ResourceConfig": {"KeepAlivePeriodInSeconds": 60}}
    [kind] = [k for k in clary.dispatcher.kinds("sagemaker") if k.resource is TRAINING_JOB]
    assert crud.update(kind, clary.as_call("UpdateTrainingJob", update)) == {
        "TrainingJobArn": f"{ARN}:training-job/j"
    }
    told = clary.generic("DescribeTrainingJob", {"TrainingJobName": "j"})
    assert told["ResourceConfig"] == {**resources, "KeepAlivePeriodInSeconds": 60}


def test_an_absent_operation_names_itself(clary: Caller) -> None:
    with pytest.raises(NotBuilt, match="RenderUiTemplate"):
        clary.call("RenderUiTemplate")


def test_tags_are_added_replaced_listed_and_taken_away(clary: Caller) -> None:
    arn = clary.generic("CreateModel", model("m", Tags=[{"Key": "a", "Value": "1"}]))["ModelArn"]
    clary.clock.at += timedelta(seconds=1)
    added = [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    assert clary.call("AddTags", {"ResourceArn": arn, "Tags": added}) == {"Tags": added}
    assert clary.call("ListTags", {"ResourceArn": arn}) == {"Tags": added}
    clary.call("DeleteTags", {"ResourceArn": arn, "TagKeys": ["a", "absent"]})
    assert clary.call("ListTags", {"ResourceArn": arn}) == {"Tags": added[1:]}
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert refusal(clary, "AddTags", {"ResourceArn": arn, "Tags": many})[0] == "ValidationException"
    for foreign in (f"{ARN}:model/absent", "x", arn.replace(ACCOUNT, "1" * 12), "arn:aws:s3:::b"):
        assert refusal(clary, "ListTags", {"ResourceArn": foreign})[0] == "ValidationException"

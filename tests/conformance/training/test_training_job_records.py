"""Training jobs as boto3 sees them while nothing runs: kept, described, listed, stopped, deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def request(name: str, **members: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"num_round": "2"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/c/train/"}
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/c/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    server.client("s3").put_object(Bucket=BUCKET, Key="c/train/train.csv", Body=b"1,2\n0,1\n")
    return server.client("sagemaker")


@pytest.fixture(scope="module")
def prefix(sagemaker: Any) -> str:
    """Create twelve jobs and return what their names begin with."""
    prefix = f"p{uuid4().hex[:8]}"
    for number in range(12):
        sagemaker.create_training_job(**request(f"{prefix}-{number:02}"))
    return prefix


def test_a_job_is_described_as_it_was_asked_for(sagemaker: Any) -> None:
    name = f"j{uuid4().hex[:8]}"
    made = sagemaker.create_training_job(**request(name, Environment={"A": "b"}))
    arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/{name}"
    assert made["TrainingJobArn"] == arn
    told = sagemaker.describe_training_job(TrainingJobName=name)
    asked = request(name, Environment={"A": "b"})
    asked["OutputDataConfig"]["KmsKeyId"] = ""
    assert {member: told[member] for member in asked if member != "InputDataConfig"} == {
        member: value for member, value in asked.items() if member != "InputDataConfig"
    }
    assert (told["TrainingJobArn"], told["TrainingJobStatus"]) == (arn, "InProgress")
    assert told["EnableNetworkIsolation"] is False and "VpcConfig" not in told and "Tags" not in told
    assert told["CreationTime"].tzinfo is not None


def test_a_taken_name_and_an_absent_job_are_refused_as_aws_words_it(sagemaker: Any) -> None:
    name = f"j{uuid4().hex[:8]}"
    sagemaker.create_training_job(**request(name))
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="must be unique within an AWS account"):
        sagemaker.create_training_job(**request(name))
    with pytest.raises(ClientError) as refused:
        sagemaker.describe_training_job(TrainingJobName="absent")
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Requested resource not found.",
    }
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("by", ["Name", "CreationTime", "Status"])
def test_the_paginator_walks_every_order(sagemaker: Any, prefix: str, by: str, order: str) -> None:
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        SortBy=by, SortOrder=order, NameContains=prefix, PaginationConfig={"PageSize": 5}
    )
    counts, names = [], []
    for page in pages:
        counts.append(len(page["TrainingJobSummaries"]))
        names += [job["TrainingJobName"] for job in page["TrainingJobSummaries"]]
    assert counts == [5, 5, 2]
    expected = [f"{prefix}-{number:02}" for number in range(12)]
    assert names == (expected if order == "Ascending" else expected[::-1])


def test_a_list_answers_ten_newest_first(sagemaker: Any, prefix: str) -> None:
    found = sagemaker.list_training_jobs(NameContains=prefix)
    assert [job["TrainingJobName"][-2:] for job in found["TrainingJobSummaries"]] == [
        f"{number:02}" for number in range(11, 1, -1)
    ]
    summary = found["TrainingJobSummaries"][0]
    wanted = {"TrainingJobName", "TrainingJobArn", "CreationTime", "LastModifiedTime", "TrainingJobStatus"}
    assert set(summary) == wanted | {"SecondaryStatus"}


def test_times_filter(sagemaker: Any, prefix: str) -> None:
    [newest] = sagemaker.list_training_jobs(NameContains=f"{prefix}-11")["TrainingJobSummaries"]
    later = newest["CreationTime"] + timedelta(seconds=2)
    assert not sagemaker.list_training_jobs(NameContains=prefix, CreationTimeAfter=later)[
        "TrainingJobSummaries"
    ]
    before = sagemaker.list_training_jobs(NameContains=prefix, LastModifiedTimeBefore=later, MaxResults=100)
    assert len(before["TrainingJobSummaries"]) == 12


def test_a_changed_token_and_a_bad_page_size_are_refused(sagemaker: Any, prefix: str) -> None:
    token = sagemaker.list_training_jobs(NameContains=prefix)["NextToken"]
    other = "y" if token[0] == "x" else "x"
    for wrong in (
        {"NextToken": token},
        {"NextToken": other + token[1:], "NameContains": prefix},
        {"MaxResults": 101},
    ):
        with pytest.raises(ClientError) as refused:
            sagemaker.list_training_jobs(**wrong)
        assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_only_a_job_that_ended_can_be_deleted(sagemaker: Any, prefix: str) -> None:
    sagemaker.stop_training_job(TrainingJobName=f"{prefix}-00")
    assert sagemaker.describe_training_job(TrainingJobName=f"{prefix}-00")["TrainingJobStatus"] == "Stopping"
    with pytest.raises(sagemaker.exceptions.ResourceInUse):
        sagemaker.delete_training_job(TrainingJobName=f"{prefix}-00")


def test_jobs_of_another_region_are_not_seen(server: Server, sagemaker: Any, prefix: str) -> None:
    elsewhere = server.client("sagemaker", region_name="eu-west-1")
    assert elsewhere.list_training_jobs(NameContains=prefix)["TrainingJobSummaries"] == []

"""AutoML jobs of both Create operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.generated_requests import ROLE

if TYPE_CHECKING:
    from tests.conftest import Server


def refusal(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    code: str = refused.value.response["Error"]["Code"]
    return code


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture
def name() -> str:
    return f"n{uuid4().hex[:10]}"


DATA = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train"}}


def test_the_second_describe_tells_of_both_the_first_only_of_its_own(sagemaker: Any, name: str) -> None:
    common = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/out"}, "RoleArn": ROLE}
    sagemaker.create_auto_ml_job(
        AutoMLJobName=name,
        InputDataConfig=[{"DataSource": DATA, "TargetAttributeName": "y"}],
        ProblemType="Regression",
        AutoMLJobObjective={"MetricName": "MSE"},
        AutoMLJobConfig={"CompletionCriteria": {"MaxCandidates": 3}, "Mode": "ENSEMBLING"},
        **common,
    )
    told = sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name)
    assert told["AutoMLProblemTypeConfig"]["TabularJobConfig"] == {
        "CompletionCriteria": {"MaxCandidates": 3},
        "Mode": "ENSEMBLING",
        "ProblemType": "Regression",
        "TargetAttributeName": "y",
    }
    assert told["AutoMLJobInputDataConfig"] == [{"DataSource": DATA}]
    assert (told["AutoMLProblemTypeConfigName"], told["AutoMLJobStatus"]) == ("Tabular", "Failed")
    second = f"{name[:20]}-2"
    asked = {
        "AutoMLJobName": second,
        "AutoMLJobInputDataConfig": [{"DataSource": DATA}],
        "AutoMLProblemTypeConfig": {"ImageClassificationJobConfig": {}},
        **common,
    }
    sagemaker.create_auto_ml_job_v2(**asked)
    told = sagemaker.describe_auto_ml_job_v2(AutoMLJobName=second)
    assert told["AutoMLProblemTypeConfigName"] == "ImageClassification"
    assert refusal(sagemaker.describe_auto_ml_job, AutoMLJobName=second) == "ValidationException"
    assert refusal(sagemaker.create_auto_ml_job_v2, **asked) == "ResourceInUse"
    listed = sagemaker.list_auto_ml_jobs(NameContains=name[:20])["AutoMLJobSummaries"]
    assert {each["AutoMLJobName"] for each in listed} == {name, second}
    assert sagemaker.list_candidates_for_auto_ml_job(AutoMLJobName=name)["Candidates"] == []
    absent = refusal(sagemaker.list_candidates_for_auto_ml_job, AutoMLJobName="absent")
    assert absent == "ResourceNotFound"

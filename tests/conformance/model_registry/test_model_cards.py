"""Model cards, their versions and their export jobs as boto3 sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.model_registry.shop import ARN, BUCKET, refusal, stock

if TYPE_CHECKING:
    from tests.conftest import Server

ONE, TWO, THREE = (
    json.dumps({"model_overview": {"model_name": "m", "model_description": text}}) for text in "abc"
)


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return stock(server)


def test_content_makes_versions_and_status_does_not(sagemaker: Any) -> None:
    made = sagemaker.create_model_card(ModelCardName="card", Content=ONE, ModelCardStatus="Draft")
    assert made["ModelCardArn"] == f"{ARN}:model-card/card"
    sagemaker.update_model_card(ModelCardName="card", ModelCardStatus="PendingReview")
    sagemaker.update_model_card(ModelCardName=made["ModelCardArn"], Content=TWO)
    sagemaker.update_model_card(ModelCardName="card", Content=TWO)  # says nothing new
    sagemaker.update_model_card(ModelCardName="card", ModelCardStatus="Approved")
    told = sagemaker.describe_model_card(ModelCardName="card")
    assert (told["ModelCardVersion"], told["Content"], told["ModelCardStatus"]) == (2, TWO, "Approved")
    first = sagemaker.describe_model_card(ModelCardName="card", ModelCardVersion=1)
    assert (first["ModelCardVersion"], first["Content"]) == (1, ONE)
    assert first["ModelCardStatus"] == "PendingReview"
    listed = sagemaker.list_model_card_versions(ModelCardName="card")["ModelCardVersionSummaryList"]
    assert [(each["ModelCardVersion"], each["ModelCardStatus"]) for each in listed] == [
        (2, "Approved"),
        (1, "PendingReview"),
    ]
    pages = sagemaker.get_paginator("list_model_card_versions").paginate(
        ModelCardName="card", SortBy="Version", SortOrder="Ascending", PaginationConfig={"PageSize": 1}
    )
    numbers = [each["ModelCardVersion"] for page in pages for each in page["ModelCardVersionSummaryList"]]
    assert numbers == [1, 2]
    code, _ = refusal(sagemaker.describe_model_card, ModelCardName="card", ModelCardVersion=3)
    assert code == "ResourceNotFound"


def test_many_versions_are_listed_in_the_order_of_their_numbers(sagemaker: Any) -> None:
    sagemaker.create_model_card(ModelCardName="edited", Content=ONE, ModelCardStatus="Draft")
    for content in [TWO, THREE] * 6:
        sagemaker.update_model_card(ModelCardName="edited", Content=content)
    listed = sagemaker.list_model_card_versions(ModelCardName="edited", SortBy="Version", MaxResults=100)
    numbers = [each["ModelCardVersion"] for each in listed["ModelCardVersionSummaryList"]]
    assert numbers == list(range(13, 0, -1))


def test_a_card_is_found_by_its_package_its_group_and_its_risk(sagemaker: Any) -> None:
    package = f"{ARN}:model-package/carded/1"

    def found(name: str, value: str) -> list[str]:
        filters = [{"Name": name, "Operator": "Equals", "Value": value}]
        answer = sagemaker.search(Resource="ModelCard", SearchExpression={"Filters": filters})
        return [each["ModelCard"]["ModelCardName"] for each in answer["Results"]]

    details = {"model_package_arn": package, "model_package_group_name": "carded"}
    content = {"model_package_details": details, "intended_uses": {"risk_rating": "High"}}
    request = {"ModelCardName": "found", "Content": json.dumps(content), "ModelCardStatus": "Draft"}
    sagemaker.create_model_card(**request)
    assert found("ModelId", package) == found("ModelPackageGroupName", "carded") == ["found"]
    assert "found" in found("RiskRating", "High")
    model = f"{ARN}:model/carded"
    sagemaker.update_model_card(
        ModelCardName="found", Content=json.dumps({"model_overview": {"model_id": model}})
    )
    assert found("ModelId", package) == found("ModelPackageGroupName", "carded") == []
    assert found("ModelId", model) == ["found"]
    assert "found" not in found("RiskRating", "High")


def test_what_a_card_may_not_become(sagemaker: Any) -> None:
    request = {"ModelCardName": "strict", "Content": ONE, "ModelCardStatus": "Draft"}
    for content in (
        "nothing",
        "[]",
        '{"mood": {}}',
        '{"intended_uses": {"risk_rating": "Huge"}}',
        '{"model_overview": 1}',
    ):
        assert (
            refusal(sagemaker.create_model_card, **{**request, "Content": content})[0]
            == "ValidationException"
        )
    sagemaker.create_model_card(**request)
    assert refusal(sagemaker.create_model_card, **request)[0] == "ConflictException"
    both = refusal(
        sagemaker.update_model_card, ModelCardName="strict", Content=TWO, ModelCardStatus="Archived"
    )
    assert both[0] == "ValidationException"
    sagemaker.update_model_card(ModelCardName="strict", Content=ONE, ModelCardStatus="Archived")
    assert refusal(sagemaker.update_model_card, ModelCardName="strict", Content=TWO)[0] == "ConflictException"
    assert refusal(sagemaker.update_model_card, ModelCardName="absent", Content=TWO)[0] == "ResourceNotFound"
    told = sagemaker.describe_model_card(ModelCardName="strict", IncludedData="MetadataOnly")
    assert json.loads(told["Content"]) == {"model_overview": {"model_name": "m"}}


def test_an_export_is_kept_as_what_nothing_ran_and_goes_with_its_card(sagemaker: Any) -> None:
    sagemaker.create_model_card(ModelCardName="exported", Content=ONE, ModelCardStatus="Draft")
    request = {
        "ModelCardName": "exported",
        "ModelCardExportJobName": "job",
        "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/cards"},
    }
    arn = sagemaker.create_model_card_export_job(**request)["ModelCardExportJobArn"]
    assert arn == f"{ARN}:model-card/exported/export-job/job"
    told = sagemaker.describe_model_card_export_job(ModelCardExportJobArn=arn)
    assert (told["Status"], told["ModelCardVersion"]) == ("Failed", 1)
    assert "docs/reference/operations.md" in told["FailureReason"]
    assert told["CreatedAt"] == told["LastModifiedAt"]
    list_jobs = sagemaker.list_model_card_export_jobs
    for by in ("Name", "CreationTime", "Status"):
        jobs = list_jobs(ModelCardName="exported", ModelCardVersion=1, SortBy=by, StatusEquals="Failed")
        assert [each["ModelCardExportJobArn"] for each in jobs["ModelCardExportJobSummaries"]] == [arn]
    assert list_jobs(ModelCardName="exported", ModelCardVersion=2)["ModelCardExportJobSummaries"] == []
    assert refusal(sagemaker.create_model_card_export_job, **request)[0] == "ConflictException"
    for wrong in ({"ModelCardName": "absent"}, {"ModelCardVersion": 7}):
        refused = refusal(
            sagemaker.create_model_card_export_job, **{**request, "ModelCardExportJobName": "j2", **wrong}
        )
        assert refused[0] == "ResourceNotFound"
    sagemaker.delete_model_card(ModelCardName="exported")
    gone = refusal(sagemaker.describe_model_card_export_job, ModelCardExportJobArn=arn)
    assert gone[0] == "ResourceNotFound"
    assert refusal(sagemaker.list_model_card_versions, ModelCardName="exported")[0] == "ResourceNotFound"
    sagemaker.create_model_card(ModelCardName="exported", Content=TWO, ModelCardStatus="Draft")
    assert sagemaker.describe_model_card(ModelCardName="exported")["ModelCardVersion"] == 1

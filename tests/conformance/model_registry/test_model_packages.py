"""Model packages as boto3 sees them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.model_registry.shop import ARN, DATA, IMAGE, ROLE, refusal, specification, stock

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return stock(server)


def group(sagemaker: Any, name: str, versions: int = 0, **members: Any) -> list[str]:
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    request = {"ModelPackageGroupName": name, "InferenceSpecification": specification(), **members}
    return [sagemaker.create_model_package(**request)["ModelPackageArn"] for _ in range(versions)]


def test_a_version_is_described_as_it_was_registered(sagemaker: Any) -> None:
    [arn] = group(sagemaker, "Described", 1, CustomerMetadataProperties={"k": "v"}, Task="REGRESSION")
    assert arn == f"{ARN}:model-package/Described/1"
    told = sagemaker.describe_model_package(ModelPackageName=arn)
    assert told["ModelPackageGroupName"] == "Described"
    assert told["ModelPackageVersion"] == 1
    assert told["ModelPackageStatus"] == "Completed"
    assert told["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    assert told["ModelApprovalStatus"] == "PendingManualApproval"
    assert told["InferenceSpecification"] == specification()
    assert told["CustomerMetadataProperties"] == {"k": "v"}
    assert told["CertifyForMarketplace"] is False
    assert told["CreatedBy"]["IamIdentity"] == told["LastModifiedBy"]["IamIdentity"]
    again = sagemaker.describe_model_package(ModelPackageName=told["ModelPackageName"])
    assert again["ModelPackageArn"] == arn


def test_numbers_are_consecutive_under_concurrent_creation_and_never_given_twice(sagemaker: Any) -> None:
    group(sagemaker, "numbered")

    def register(_: int) -> str:
        return str(sagemaker.create_model_package(ModelPackageGroupName="numbered")["ModelPackageArn"])

    with ThreadPoolExecutor(8) as pool:
        arns = list(pool.map(register, range(40)))
    numbers = sorted(int(arn.rpartition("/")[2]) for arn in arns)
    assert numbers == list(range(1, 41))
    sagemaker.delete_model_package(ModelPackageName=f"{ARN}:model-package/numbered/40")
    assert register(0).endswith("/numbered/41")


def test_a_repeated_token_answers_what_the_first_request_did(sagemaker: Any) -> None:
    group(sagemaker, "repeated")
    request = {"ModelPackageGroupName": "repeated", "ClientToken": "t-1", "SourceUri": "a"}
    first = sagemaker.create_model_package(**request)["ModelPackageArn"]
    assert sagemaker.create_model_package(**request)["ModelPackageArn"] == first
    code, _ = refusal(sagemaker.create_model_package, **{**request, "SourceUri": "b"})
    assert code == "ConflictException"
    alone = {"ModelPackageName": "repeated-alone", "ClientToken": "t-2"}
    arn = sagemaker.create_model_package(**alone)["ModelPackageArn"]
    assert sagemaker.create_model_package(**alone)["ModelPackageArn"] == arn
    taken = refusal(sagemaker.create_model_package, ModelPackageName="repeated-alone")
    assert taken == ("ValidationException", f"Model Package already exists: {arn}")


def test_names_that_say_too_much_or_nothing(sagemaker: Any) -> None:
    code, text = refusal(sagemaker.create_model_package, ModelPackageName="a", ModelPackageGroupName="b")
    assert (code, text.partition(" are")[0]) == (
        "ValidationException",
        "Both ModelPackageName and ModelPackageGroupName",
    )
    assert refusal(sagemaker.create_model_package) == ("ValidationException", "Missing ARN.")
    absent = refusal(sagemaker.create_model_package, ModelPackageGroupName="no-such-group")
    assert absent[1] == f"ModelPackageGroup {ARN}:model-package-group/no-such-group does not exist."
    for name in ("absent", "absent/3", f"{ARN}:model-package/absent/3"):
        code, text = refusal(sagemaker.describe_model_package, ModelPackageName=name)
        arn = name if name.startswith("arn:") else f"{ARN}:model-package/{name}"
        assert (code, text) == ("ValidationException", f"ModelPackage {arn} does not exist.")


def test_what_is_not_there_fails_a_package_and_says_what(sagemaker: Any) -> None:
    wrong = specification("nobody/knows:1", DATA.replace("model", "nothing"))
    [arn] = group(sagemaker, "wrong", 1, InferenceSpecification=wrong)
    told = sagemaker.describe_model_package(ModelPackageName=arn)
    assert told["ModelPackageStatus"] == "Failed"
    [image] = told["ModelPackageStatusDetails"]["ImageScanStatuses"]
    [data] = told["ModelPackageStatusDetails"]["ValidationStatuses"]
    assert image["Status"] == data["Status"] == "Failed"
    assert "There is no image" in image["FailureReason"]
    assert "Could not find model data" in data["FailureReason"]
    sagemaker.update_model_package(ModelPackageArn=arn, InferenceSpecification=specification())
    assert sagemaker.describe_model_package(ModelPackageName=arn)["ModelPackageStatus"] == "Completed"


@pytest.mark.parametrize(
    "request_",
    [
        {"CertifyForMarketplace": True},
        {"ValidationSpecification": {"ValidationRole": ROLE, "ValidationProfiles": []}},
        {"ModelCard": {"ModelCardContent": "no json", "ModelCardStatus": "Draft"}},
        {"ModelCard": {"ModelCardContent": '{"mood": {}}', "ModelCardStatus": "Draft"}},
    ],
)
def test_what_cannot_be_honoured_is_refused(sagemaker: Any, request_: dict[str, Any]) -> None:
    code, _ = refusal(sagemaker.create_model_package, ModelPackageName="refused", **request_)
    assert code == "ValidationException"
    assert refusal(sagemaker.describe_model_package, ModelPackageName="refused")[1].endswith("not exist.")


def test_packages_are_listed_by_group_kind_and_approval(sagemaker: Any) -> None:
    first, second = group(sagemaker, "listed", 2)
    sagemaker.update_model_package(ModelPackageArn=second, ModelApprovalStatus="Approved")
    sagemaker.create_model_package(ModelPackageName="listed-alone")

    def listed(**request: Any) -> list[str]:
        pages = sagemaker.get_paginator("list_model_packages").paginate(
            **request, PaginationConfig={"PageSize": 1}
        )
        return [each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"]]

    alone = f"{ARN}:model-package/listed-alone"
    assert listed(ModelPackageGroupName="listed") == [second, first]
    assert listed(ModelPackageGroupName=f"{ARN}:model-package-group/listed", SortOrder="Ascending") == [
        first,
        second,
    ]
    assert listed(ModelPackageGroupName="listed", ModelApprovalStatus="Approved") == [second]
    assert listed(ModelPackageGroupName="listed", ModelPackageType="Unversioned") == []
    assert listed(NameContains="listed") == [alone]
    assert listed(NameContains="listed", ModelPackageType="Versioned") == [second, first]
    assert listed(NameContains="listed", ModelPackageType="Both") == [alone, second, first]
    [summary] = sagemaker.list_model_packages(ModelPackageGroupName="listed", MaxResults=1)[
        "ModelPackageSummaryList"
    ]
    assert "ModelPackageName" not in summary
    assert summary["ModelPackageVersion"] == 2


def test_approval_is_kept_with_its_history(sagemaker: Any, server: Server) -> None:
    [arn] = group(sagemaker, "approved", 1)
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good"
    )
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Rejected", ApprovalDescription="drifts"
    )
    told = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (told["ModelApprovalStatus"], told["ApprovalDescription"]) == ("Rejected", "drifts")
    record = server.stores.records.by_arn(arn)
    assert record is not None
    kept = [
        (each["ModelApprovalStatus"], each.get("ApprovalDescription")) for each in record.doc["_Approvals"]
    ]
    assert kept == [("PendingManualApproval", None), ("Approved", "good"), ("Rejected", "drifts")]


def test_properties_and_specifications_are_added_and_removed(sagemaker: Any) -> None:
    [arn] = group(sagemaker, "changed", 1, CustomerMetadataProperties={"a": "1", "b": "2"})
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"b": "3", "c": "4"},
        CustomerMetadataPropertiesToRemove=["a"],
        AdditionalInferenceSpecificationsToAdd=[{"Name": "small", "Containers": [{"Image": IMAGE}]}],
        ModelLifeCycle={"Stage": "Staging", "StageStatus": "Approved"},
    )
    told = sagemaker.describe_model_package(ModelPackageName=arn)
    assert told["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
    assert [each["Name"] for each in told["AdditionalInferenceSpecifications"]] == ["small"]
    assert told["ModelLifeCycle"]["Stage"] == "Staging"
    code, text = refusal(
        sagemaker.update_model_package,
        ModelPackageArn=arn,
        AdditionalInferenceSpecificationsToAdd=[{"Name": "small", "Containers": [{"Image": IMAGE}]}],
    )
    assert (code, "'small'" in text) == ("ConflictException", True)


def test_metadata_only_leaves_most_of_the_card_out(sagemaker: Any) -> None:
    card = {
        "model_overview": {"model_name": "m", "model_creator": "me", "model_artifact": [DATA]},
        "intended_uses": {"risk_rating": "Low"},
    }
    content = json.dumps(card)
    [arn] = group(sagemaker, "carded", 1, ModelCard={"ModelCardContent": content, "ModelCardStatus": "Draft"})
    whole = sagemaker.describe_model_package(ModelPackageName=arn)["ModelCard"]
    assert whole == {"ModelCardContent": content, "ModelCardStatus": "Draft"}
    part = sagemaker.describe_model_package(ModelPackageName=arn, IncludedData="MetadataOnly")["ModelCard"]
    assert json.loads(part["ModelCardContent"]) == {
        "model_overview": {"model_name": "m"},
        "intended_uses": {"risk_rating": "Low"},
    }
    sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Approved"})
    told = sagemaker.describe_model_package(ModelPackageName=arn)["ModelCard"]
    assert told == {"ModelCardContent": content, "ModelCardStatus": "Approved"}


def test_many_are_described_and_each_error_is_told_apart(sagemaker: Any) -> None:
    first, second = group(sagemaker, "many", 2)
    alone = sagemaker.create_model_package(ModelPackageName="many-alone")["ModelPackageArn"]
    absent = f"{ARN}:model-package/many/9"
    told = sagemaker.batch_describe_model_package(ModelPackageArnList=[first, second, alone, absent])
    assert set(told["ModelPackageSummaries"]) == {first, second}
    assert told["ModelPackageSummaries"][first]["InferenceSpecification"] == specification()
    errors = told["BatchDescribeModelPackageErrorMap"]
    assert {error["ErrorCode"] for error in errors.values()} == {"ValidationException"}
    assert errors[absent]["ErrorResponse"] == f"ModelPackage {absent} does not exist."
    assert errors[alone]["ErrorResponse"] == f"{alone} is not a version of a model package group."


def test_a_package_is_cloned_and_a_model_registered_by_its_source(sagemaker: Any) -> None:
    [arn] = group(sagemaker, "source", 1, Task="REGRESSION")
    clone = sagemaker.create_model_package(ModelPackageName="clone", SourceUri=arn)["ModelPackageArn"]
    told = sagemaker.describe_model_package(ModelPackageName=clone)
    assert (told["SourceUri"], told["Task"]) == (arn, "REGRESSION")
    assert told["InferenceSpecification"] == specification()
    model = sagemaker.create_model(
        ModelName="registered", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": DATA}
    )["ModelArn"]
    made = sagemaker.create_model_package(ModelPackageGroupName="source", SourceUri=model)["ModelPackageArn"]
    told = sagemaker.describe_model_package(ModelPackageName=made)
    assert told["InferenceSpecification"]["Containers"] == [{"Image": IMAGE, "ModelDataUrl": DATA}]

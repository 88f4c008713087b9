"""Model package groups and their policies as boto3 sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.model_registry.shop import ACCOUNT, ARN, refusal, stock

if TYPE_CHECKING:
    from tests.conftest import Server

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sagemaker:DescribeModelPackageGroup",
            "Resource": f"{ARN}:model-package-group/policed",
        },
    }
)


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return stock(server)


def test_a_group_is_created_described_by_name_and_arn_and_deleted(sagemaker: Any) -> None:
    made = sagemaker.create_model_package_group(
        ModelPackageGroupName="Group-A", ModelPackageGroupDescription="d"
    )
    arn = f"{ARN}:model-package-group/Group-A"
    assert made["ModelPackageGroupArn"] == arn
    told = sagemaker.describe_model_package_group(ModelPackageGroupName=arn)
    told.pop("ResponseMetadata")
    assert told.pop("CreationTime")
    assert told.pop("CreatedBy")["IamIdentity"]["Arn"].startswith("arn:aws:")
    assert told == {
        "ModelPackageGroupName": "Group-A",
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupDescription": "d",
        "ModelPackageGroupStatus": "Completed",
    }
    code, text = refusal(sagemaker.create_model_package_group, ModelPackageGroupName="Group-A")
    assert (code, text) == ("ValidationException", f"Model Package Group already exists: {arn}")
    sagemaker.delete_model_package_group(ModelPackageGroupName=arn)
    gone = ("ValidationException", f"ModelPackageGroup {arn} does not exist.")
    assert refusal(sagemaker.describe_model_package_group, ModelPackageGroupName="Group-A") == gone
    assert refusal(sagemaker.describe_model_package_group, ModelPackageGroupName=arn) == gone
    assert refusal(sagemaker.delete_model_package_group, ModelPackageGroupName="Group-A") == gone


def test_a_group_with_versions_cannot_be_deleted(sagemaker: Any) -> None:
    sagemaker.create_model_package_group(ModelPackageGroupName="full")
    sagemaker.create_model_package_group(ModelPackageGroupName="full0")  # the next name in order
    sagemaker.create_model_package(ModelPackageGroupName="full0", SourceUri="elsewhere")
    package = sagemaker.create_model_package(ModelPackageGroupName="full", SourceUri="elsewhere")
    code, text = refusal(sagemaker.delete_model_package_group, ModelPackageGroupName="full")
    assert code == "ConflictException"
    assert package["ModelPackageArn"] in text
    sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName="full")


def test_no_group_is_discoverable_from_another_account(sagemaker: Any) -> None:
    sagemaker.create_model_package_group(ModelPackageGroupName="mine")
    mine = sagemaker.list_model_package_groups(NameContains="mine", CrossAccountFilterOption="SameAccount")
    assert len(mine["ModelPackageGroupSummaryList"]) == 1
    theirs = sagemaker.list_model_package_groups(NameContains="mine", CrossAccountFilterOption="CrossAccount")
    assert theirs["ModelPackageGroupSummaryList"] == []


def test_a_policy_is_put_got_and_deleted(sagemaker: Any) -> None:
    name = "policed"
    arn = sagemaker.create_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
    none = ("ValidationException", f"Cannot find resource policy for: {arn}")
    assert refusal(sagemaker.get_model_package_group_policy, ModelPackageGroupName=name) == none
    assert refusal(sagemaker.delete_model_package_group_policy, ModelPackageGroupName=name) == none
    put = sagemaker.put_model_package_group_policy(ModelPackageGroupName=name, ResourcePolicy=POLICY)
    assert put["ModelPackageGroupArn"] == arn
    assert sagemaker.get_model_package_group_policy(ModelPackageGroupName=name)["ResourcePolicy"] == POLICY
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=name)
    assert refusal(sagemaker.get_model_package_group_policy, ModelPackageGroupName=name) == none


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]}']
)
def test_what_is_no_policy_is_refused(sagemaker: Any, text: str) -> None:
    if not sagemaker.list_model_package_groups(NameContains="unpoliced")["ModelPackageGroupSummaryList"]:
        sagemaker.create_model_package_group(ModelPackageGroupName="unpoliced")
    code, message = refusal(
        sagemaker.put_model_package_group_policy, ModelPackageGroupName="unpoliced", ResourcePolicy=text
    )
    assert (code, message.partition(":")[0]) == (
        "ValidationException",
        "ResourcePolicy is not a valid policy",
    )


def test_policies_of_an_absent_group(sagemaker: Any) -> None:
    none = ("ValidationException", f"Cannot find Model Package Group: {ARN}:model-package-group/absent")
    assert refusal(sagemaker.get_model_package_group_policy, ModelPackageGroupName="absent") == none
    assert refusal(sagemaker.delete_model_package_group_policy, ModelPackageGroupName="absent") == none
    put = sagemaker.put_model_package_group_policy
    assert refusal(put, ModelPackageGroupName="absent", ResourcePolicy=POLICY) == none

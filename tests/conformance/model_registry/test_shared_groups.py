"""What another account may do with a group that its owner shares, and with one that is not shared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.model_registry.shop import ARN, IMAGE, refusal, stock
from tests.conformance.organizations.people import administrator, made

if TYPE_CHECKING:
    from tests.conftest import Server

GROUP, PACKAGE = f"{ARN}:model-package-group/shared", f"{ARN}:model-package/shared"
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return stock(server)


@pytest.fixture(scope="module")
def other(server: Server) -> tuple[str, Any, str]:
    """Another account: its number, its client, and a role of its own."""
    number = made(server)
    keys = administrator(server, number)
    document = json.dumps({"Version": "2012-10-17", "Statement": TRUST})
    role = server.client("iam", keys).create_role(RoleName="serves", AssumeRolePolicyDocument=document)
    return number, server.client("sagemaker", keys), role["Role"]["Arn"]


def share(sagemaker: Any, number: str, *actions: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{number}:root"},
        "Action": [f"sagemaker:{action}" for action in actions],
        "Resource": [GROUP, f"{PACKAGE}/*"],
    }
    sagemaker.put_model_package_group_policy(
        ModelPackageGroupName="shared",
        ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": statement}),
    )


def test_a_group_is_used_by_another_account_as_far_as_its_policy_says(
    sagemaker: Any, other: tuple[str, Any, str]
) -> None:
    number, theirs, role = other
    sagemaker.create_model_package_group(ModelPackageGroupName="shared")
    packed = {"Containers": [{"Image": IMAGE}]}
    request = {"ModelPackageGroupName": "shared", "InferenceSpecification": packed}
    sagemaker.create_model_package(**request, ModelApprovalStatus="Approved")
    version = f"{PACKAGE}/1"
    model = {"ExecutionRoleArn": role, "PrimaryContainer": {"ModelPackageName": version}}

    assert refusal(theirs.describe_model_package, ModelPackageName=version)[0] == "AccessDeniedException"
    assert refusal(theirs.create_model, ModelName="m", **model)[0] == "AccessDeniedException"
    register = {**request, "ModelPackageGroupName": GROUP}
    assert refusal(theirs.create_model_package, **register)[0] == "AccessDeniedException"
    batch = refusal(theirs.batch_describe_model_package, ModelPackageArnList=[version])
    assert batch[0] == "AccessDeniedException"

    share(sagemaker, number, "DescribeModelPackage", "ListModelPackages", "CreateModel", "CreateModelPackage")
    assert theirs.describe_model_package(ModelPackageName=version)["ModelPackageArn"] == version
    theirs.create_model(ModelName="m", **model)
    made_there = theirs.create_model_package(**register)["ModelPackageArn"]
    assert made_there == f"{PACKAGE}/2"
    assert theirs.list_model_packages()["ModelPackageSummaryList"] == []
    listed = theirs.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
    assert [each["ModelPackageVersion"] for each in listed] == [2, 1]
    deletion = refusal(theirs.delete_model_package, ModelPackageName=version)
    assert deletion[0] == "AccessDeniedException"
    by_name = refusal(theirs.describe_model_package, ModelPackageName="shared/1")
    assert by_name[1] == f"ModelPackage {version.replace('000000000000', number)} does not exist."

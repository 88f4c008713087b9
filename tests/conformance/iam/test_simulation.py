"""The simulator says what a real call would be answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.iam.people import ACCOUNT, allow, deny, policy, refused, role, user

if TYPE_CHECKING:
    from tests.conftest import Server

EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
# What ModelTrainer of the SageMaker SDK 3.27 asks before it trains.
TRAINING = [
    *("ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", "ec2:CreateNetworkInterface"),
    *("ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"),
    *("ec2:DeleteNetworkInterfacePermission", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcs"),
    *("ec2:DescribeDhcpOptions", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"),
]


def test_the_execution_role_passes_the_sdk_s_check(server: Server) -> None:
    pages = server.client("iam").get_paginator("simulate_principal_policy")
    results = [
        result
        for page in pages.paginate(PolicySourceArn=EXECUTION_ROLE, ActionNames=TRAINING)
        for result in page["EvaluationResults"]
    ]
    assert {result["EvalActionName"] for result in results} == set(TRAINING)
    assert {result["EvalDecision"] for result in results} == {"allowed"}


def test_the_sdk_s_check_of_the_default_bucket_passes(server: Server) -> None:
    [result] = server.client("iam").simulate_principal_policy(
        PolicySourceArn=EXECUTION_ROLE,
        ActionNames=["s3:PutObject"],
        ResourceArns=[f"arn:aws:s3:::sagemaker-us-east-1-{ACCOUNT}/*"],
    )["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"
    assert result["MatchedStatements"][0]["SourcePolicyType"]


def test_each_resource_has_its_own_decision_and_the_worst_is_on_top(server: Server) -> None:
    arn = role(
        server,
        {"Service": "sagemaker.amazonaws.com"},
        allow("s3:*", "arn:aws:s3:::a/*"),
        deny("s3:*", "arn:aws:s3:::a/secret"),
    )
    resources = ["arn:aws:s3:::a/x", "arn:aws:s3:::a/secret", "arn:aws:s3:::b/x"]
    [result] = server.client("iam").simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=["s3:GetObject"], ResourceArns=resources
    )["EvaluationResults"]
    specific = {
        item["EvalResourceName"]: item["EvalResourceDecision"] for item in result["ResourceSpecificResults"]
    }
    assert specific == dict(zip(resources, ["allowed", "explicitDeny", "implicitDeny"], strict=True))
    assert result["EvalDecision"] == "explicitDeny"


def test_context_is_what_the_request_gives_and_what_is_missing_is_named(server: Server) -> None:
    arn = role(
        server,
        {"Service": "sagemaker.amazonaws.com"},
        allow("s3:ListBucket", Condition={"StringLike": {"s3:prefix": "home/*"}}),
    )
    iam = server.client("iam")
    [bare] = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:ListBucket"])[
        "EvaluationResults"
    ]
    assert (bare["EvalDecision"], bare["MissingContextValues"]) == ("implicitDeny", ["s3:prefix"])
    entry = {"ContextKeyName": "s3:prefix", "ContextKeyValues": ["home/a"], "ContextKeyType": "string"}
    [given] = iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=["s3:ListBucket"], ContextEntries=[entry]
    )["EvaluationResults"]
    assert (given["EvalDecision"], given.get("MissingContextValues", [])) == ("allowed", [])


def test_a_boundary_is_reported(server: Server) -> None:
    iam = server.client("iam")
    name, _ = user(server, allow("s3:*"))
    arn = iam.get_user(UserName=name)["User"]["Arn"]
    [result] = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["s3:GetObject"],
        PermissionsBoundaryPolicyInputList=[policy(allow("logs:*"))],
    )["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}


def test_policies_can_be_tried_before_they_are_stored(server: Server) -> None:
    iam = server.client("iam")
    results = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:Get*"), deny("s3:GetBucketPolicy"))],
        ActionNames=["s3:GetObject", "s3:GetBucketPolicy", "s3:PutObject"],
    )["EvaluationResults"]
    assert [result["EvalDecision"] for result in results] == ["allowed", "explicitDeny", "implicitDeny"]
    with refused("InvalidInput", "PolicyInputList.1"):
        iam.simulate_custom_policy(PolicyInputList=["{}"], ActionNames=["s3:GetObject"])
    with refused("InvalidInput", "GetObject"):
        iam.simulate_custom_policy(PolicyInputList=[policy(allow("s3:*"))], ActionNames=["GetObject"])


def test_a_resource_policy_counts_for_its_caller(server: Server) -> None:
    iam = server.client("iam")
    name, _ = user(server)
    arn = iam.get_user(UserName=name)["User"]["Arn"]
    [result] = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["s3:GetObject"],
        ResourceArns=["arn:aws:s3:::b/k"],
        ResourcePolicy=policy(allow("s3:*", Principal={"AWS": arn})),
    )["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"


def test_whom_it_does_not_know_it_names(server: Server) -> None:
    iam = server.client("iam")
    with refused("NoSuchEntity", "role/nobody"):
        iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/nobody", ActionNames=["s3:GetObject"]
        )
    with refused("InvalidInput", "Invalid Entity Arn"):
        iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b", ActionNames=["s3:GetObject"]
        )

"""Roles, managed policies and their versions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.conformance.iam.people import ACCOUNT, allow, deny, fresh, policy, refused, role, trust, user

if TYPE_CHECKING:
    from tests.conftest import Server

SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}
S3_READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def test_the_execution_role_is_what_the_sdks_look_for(server: Server) -> None:
    iam = server.client("iam")
    arn = server.client("sts").get_caller_identity()["Arn"]
    found = iam.get_role(RoleName=arn.split("/")[1])["Role"]
    assert found["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
    services = found["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
    assert "sagemaker.amazonaws.com" in services
    attached = iam.list_attached_role_policies(RoleName="SageMakerExecutionRole")["AttachedPolicies"]
    assert [item["PolicyName"] for item in attached] == ["AmazonSageMakerFullAccess"]


def test_a_role_is_created_described_changed_and_deleted(server: Server) -> None:
    iam, name = server.client("iam"), fresh("role")
    made = iam.create_role(
        RoleName=name,
        Path="/a/b/",
        AssumeRolePolicyDocument=trust(SAGEMAKER),
        Description="d",
        MaxSessionDuration=7200,
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/a/b/{name}"
    assert made["AssumeRolePolicyDocument"] == json.loads(trust(SAGEMAKER))
    assert iam.get_role(RoleName=name)["Role"] == made
    iam.update_role(RoleName=name, Description="e", MaxSessionDuration=3600)
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"AWS": ACCOUNT}))
    found = iam.get_role(RoleName=name)["Role"]
    assert (found["Description"], found["MaxSessionDuration"]) == ("e", 3600)
    assert found["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": ACCOUNT}
    assert name in [item["RoleName"] for item in iam.list_roles(PathPrefix="/a/")["Roles"]]
    iam.delete_role(RoleName=name)
    with refused("NoSuchEntity", f"The role with name {name} cannot be found."):
        iam.get_role(RoleName=name)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "Syntax errors in policy."),
        (policy(allow("sts:AssumeRole")), "Has prohibited field Resource"),
        (trust({"AWS": "nobody"}), 'Invalid principal in policy: "AWS":"nobody"'),
        (trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/not-there"}), "Invalid principal in policy"),
    ],
)
def test_a_malformed_trust_policy_is_refused(server: Server, document: str, words: str) -> None:
    with refused("MalformedPolicyDocument", words):
        server.client("iam").create_role(RoleName=fresh("role"), AssumeRolePolicyDocument=document)


def test_tags_are_added_replaced_listed_and_removed(server: Server) -> None:
    iam, name = server.client("iam"), role(server, SAGEMAKER).rsplit("/", 1)[-1]
    iam.tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "3"}])
    iam.untag_role(RoleName=name, TagKeys=["b", "c"])
    assert iam.list_role_tags(RoleName=name)["Tags"] == [{"Key": "a", "Value": "3"}]


def test_managed_policies_are_attached_listed_and_detached(server: Server) -> None:
    iam, name = server.client("iam"), role(server, SAGEMAKER).rsplit("/", 1)[-1]
    made = iam.create_policy(PolicyName=fresh("own"), PolicyDocument=policy(allow("s3:*")))["Policy"]
    for arn in (S3_READ, made["Arn"], S3_READ):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert {item["PolicyArn"] for item in attached} == {S3_READ, made["Arn"]}
    assert iam.get_policy(PolicyArn=made["Arn"])["Policy"]["AttachmentCount"] == 1
    entities = iam.list_entities_for_policy(PolicyArn=made["Arn"])
    assert [item["RoleName"] for item in entities["PolicyRoles"]] == [name]
    with refused("DeleteConflict", "attached to entities"):
        iam.delete_policy(PolicyArn=made["Arn"])
    with refused("DeleteConflict", "must detach all policies first"):
        iam.delete_role(RoleName=name)
    iam.detach_role_policy(RoleName=name, PolicyArn=made["Arn"])
    with refused("NoSuchEntity", "was not found"):
        iam.detach_role_policy(RoleName=name, PolicyArn=made["Arn"])
    iam.delete_policy(PolicyArn=made["Arn"])
    with refused("NoSuchEntity", "does not exist or is not attachable"):
        iam.attach_role_policy(RoleName=name, PolicyArn=made["Arn"])


def test_the_default_version_of_a_policy_is_the_one_that_counts(server: Server) -> None:
    iam = server.client("iam")
    name, key = user(server)
    arn = iam.create_policy(PolicyName=fresh("own"), PolicyDocument=policy(allow("s3:ListAllMyBuckets")))[
        "Policy"
    ]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    s3 = server.client("s3", key)
    s3.list_buckets()
    second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(deny("s3:*")), SetAsDefault=True)
    assert second["PolicyVersion"]["VersionId"] == "v2"
    with refused("AccessDenied", "with an explicit deny in an identity-based policy"):
        s3.list_buckets()
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    s3.list_buckets()
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert (version["IsDefaultVersion"], version["Document"]["Statement"]) == (False, [deny("s3:*")])
    with refused("DeleteConflict", "default version"):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v1"]
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("s3:*")))
    with refused("LimitExceeded", "up to 5 versions"):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("s3:*")))


def test_aws_s_own_policies_are_there_and_cannot_be_changed(server: Server) -> None:
    iam = server.client("iam")
    names = {item["PolicyName"] for item in iam.list_policies(Scope="AWS")["Policies"]}
    assert {
        "AdministratorAccess",
        "AmazonSageMakerFullAccess",
        "AmazonS3FullAccess",
        "AmazonS3ReadOnlyAccess",
        "CloudWatchLogsFullAccess",
    } <= names
    document = iam.get_policy_version(PolicyArn=S3_READ, VersionId="v1")["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Effect"] == "Allow"
    with refused("AccessDenied", "AWS's own"):
        iam.create_policy_version(PolicyArn=S3_READ, PolicyDocument=policy(allow("s3:*")))
    with refused("AccessDenied", "AWS's own"):
        iam.delete_policy(PolicyArn=S3_READ)


def test_a_permissions_boundary_bounds(server: Server) -> None:
    iam = server.client("iam")
    name, key = user(server, allow("s3:*"))
    s3 = server.client("s3", key)
    s3.list_buckets()
    iam.put_user_permissions_boundary(
        UserName=name, PermissionsBoundary="arn:aws:iam::aws:policy/CloudWatchLogsFullAccess"
    )
    assert "PermissionsBoundary" in iam.get_user(UserName=name)["User"]
    with refused("AccessDenied", "because no permissions boundary allows the s3:ListAllMyBuckets action"):
        s3.list_buckets()
    iam.delete_user_permissions_boundary(UserName=name)
    s3.list_buckets()

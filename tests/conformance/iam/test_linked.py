"""Instance profiles, service-linked roles, identity providers, and the waiters of IAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.iam.people import ACCOUNT, allow, fresh, policy, refused, role, trust
from tests.conformance.organizations.people import administrator, made

if TYPE_CHECKING:
    from tests.conftest import Server

SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}
METADATA = '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">' + " " * 1000


def test_an_instance_profile_holds_one_role_which_it_keeps_from_deletion(server: Server) -> None:
    iam, name = server.client("iam"), fresh("profile")
    arn = role(server, SAGEMAKER)
    role_name = arn.rsplit("/", 1)[-1]
    tags = [{"Key": "a", "Value": "b"}]
    made_ = iam.create_instance_profile(InstanceProfileName=name, Path="/m/", Tags=tags)["InstanceProfile"]
    assert made_["Arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/m/{name}"
    assert (made_["InstanceProfileId"][:4], made_["Roles"], made_["Tags"]) == ("AIPA", [], tags)
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role_name)
    with refused("LimitExceeded"):
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role_name)
    found = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert [one["Arn"] for one in found["Roles"]] == [arn]
    listed = iam.list_instance_profiles_for_role(RoleName=role_name)["InstanceProfiles"]
    assert [one["InstanceProfileName"] for one in listed] == [name]
    assert name in [
        one["InstanceProfileName"] for one in iam.list_instance_profiles(PathPrefix="/m/")["InstanceProfiles"]
    ]
    with refused("DeleteConflict", "must remove roles from instance profile first"):
        iam.delete_role(RoleName=role_name)
    with refused("DeleteConflict", "must remove roles from instance profile first"):
        iam.delete_instance_profile(InstanceProfileName=name)
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role_name)
    with refused("NoSuchEntity"):
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role_name)
    iam.untag_instance_profile(InstanceProfileName=name, TagKeys=["a"])
    assert iam.list_instance_profile_tags(InstanceProfileName=name)["Tags"] == []
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_role(RoleName=role_name)
    with refused("NoSuchEntity", f"Instance Profile {name} cannot be found."):
        iam.get_instance_profile(InstanceProfileName=name)


def test_a_service_linked_role_is_the_service_s(server: Server) -> None:
    account = made(server)
    iam = server.client("iam", administrator(server, account))
    made_ = iam.create_service_linked_role(AWSServiceName="sagemaker.amazonaws.com", Description="d")["Role"]
    name = "AWSServiceRoleForAmazonSageMakerNotebooks"
    path = "/aws-service-role/sagemaker.amazonaws.com/"
    assert made_["Arn"] == f"arn:aws:iam::{account}:role{path}{name}"
    [attached] = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached["PolicyArn"].endswith(
        ":policy/aws-service-role/AmazonSageMakerNotebooksServiceRolePolicy"
    )
    with refused("InvalidInput", "has been taken"):
        iam.create_service_linked_role(AWSServiceName="sagemaker.amazonaws.com")
    for change, members in (
        (iam.delete_role, {}),
        (iam.update_assume_role_policy, {"PolicyDocument": trust({"AWS": "*"})}),
        (iam.update_role, {"MaxSessionDuration": 7200}),
        (iam.attach_role_policy, {"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        (iam.put_role_policy, {"PolicyName": "p", "PolicyDocument": policy(allow("*"))}),
        (iam.put_role_permissions_boundary, {"PermissionsBoundary": attached["PolicyArn"]}),
    ):
        with refused("UnmodifiableEntity", name):
            change(RoleName=name, **members)
    iam.update_role_description(RoleName=name, Description="e")
    task = iam.delete_service_linked_role(RoleName=name)["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    with refused("NoSuchEntity"):
        iam.get_service_linked_role_deletion_status(DeletionTaskId=f"{task}/x")
    with refused("NoSuchEntity"):
        iam.get_role(RoleName=name)
    with refused("InvalidInput", "nothing.amazonaws.com"):
        iam.create_service_linked_role(AWSServiceName="nothing.amazonaws.com")
    with refused("InvalidInput", "CreateServiceLinkedRole"):
        iam.create_role(RoleName="mine", Path=path, AssumeRolePolicyDocument=trust(SAGEMAKER))


def test_an_open_id_provider_is_kept(server: Server) -> None:
    iam, host = server.client("iam"), f"{fresh('issuer')}.example.com/path"
    made_ = iam.create_open_id_connect_provider(
        Url=f"https://{host}", ClientIDList=["a", "a"], ThumbprintList=["0" * 40]
    )
    arn = made_["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["1" * 40])
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["Url"], found["ClientIDList"], found["ThumbprintList"]) == (host, ["b"], ["1" * 40])
    assert found["Tags"] == [{"Key": "a", "Value": "b"}]
    assert {"Arn": arn} in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    with refused("EntityAlreadyExists"):
        iam.create_open_id_connect_provider(Url=f"https://{host}")
    with refused("InvalidInput"):
        iam.create_open_id_connect_provider(Url=f"http://{host}")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with refused("NoSuchEntity"):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_a_saml_provider_is_kept(server: Server) -> None:
    iam, name = server.client("iam"), fresh("saml")
    arn = iam.create_saml_provider(Name=name, SAMLMetadataDocument=METADATA)["SAMLProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:saml-provider/{name}"
    assert iam.get_saml_provider(SAMLProviderArn=arn)["SAMLMetadataDocument"] == METADATA
    assert arn in [one["Arn"] for one in iam.list_saml_providers()["SAMLProviderList"]]
    with refused("InvalidInput"):
        iam.update_saml_provider(SAMLProviderArn=arn, SAMLMetadataDocument="x" * 1000)
    iam.update_saml_provider(SAMLProviderArn=arn, SAMLMetadataDocument=METADATA + " ")
    iam.delete_saml_provider(SAMLProviderArn=arn)
    with refused("NoSuchEntity"):
        iam.get_saml_provider(SAMLProviderArn=arn)


@pytest.mark.parametrize("noun", ["user", "role", "policy"])
def test_waiters_end(server: Server, noun: str) -> None:
    iam, name = server.client("iam"), fresh("waited")
    if noun == "user":
        iam.create_user(UserName=name)
        iam.get_waiter("user_exists").wait(UserName=name)
    elif noun == "role":
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(SAGEMAKER))
        iam.get_waiter("role_exists").wait(RoleName=name)
    else:
        arn = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
        iam.get_waiter("policy_exists").wait(PolicyArn=arn)


def test_pages_stay_whole_while_others_are_made(server: Server) -> None:
    iam, path = server.client("iam"), f"/{fresh('path')}/"
    names = [f"{path.strip('/')}-{number:02d}" for number in range(1, 20, 2)]
    for name in names:
        iam.create_user(UserName=name, Path=path)
    seen: list[str] = []
    for number, page in enumerate(
        iam.get_paginator("list_users").paginate(PathPrefix=path, PaginationConfig={"PageSize": 3})
    ):
        seen += [one["UserName"] for one in page["Users"]]
        iam.create_user(UserName=f"{path.strip('/')}-{number * 6:02d}", Path=path)
    assert [name for name in seen if name in names] == names
    assert len(seen) == len(set(seen))

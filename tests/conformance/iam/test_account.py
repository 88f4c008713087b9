"""The account as a whole: alias, password policy, numbers, limits. Each test has an account of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.iam.people import allow, fresh, policy, refused, trust
from tests.conformance.organizations.people import administrator, made

if TYPE_CHECKING:
    from tests.conftest import Server

S3_READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


@pytest.fixture
def iam(server: Server) -> Any:
    return server.client("iam", administrator(server, made(server)))


def test_an_alias_is_one_account_s_alone(server: Server, iam: Any) -> None:
    first, second = fresh("alias"), fresh("alias")
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias=first)
    iam.create_account_alias(AccountAlias=second)
    assert iam.list_account_aliases()["AccountAliases"] == [second]
    with refused("EntityAlreadyExists"):
        server.client("iam").create_account_alias(AccountAlias=second)
    with refused("NoSuchEntity"):
        iam.delete_account_alias(AccountAlias=first)
    iam.delete_account_alias(AccountAlias=second)
    assert iam.list_account_aliases()["AccountAliases"] == []


def test_the_password_policy_is_asked_of_passwords(iam: Any) -> None:
    iam.create_user(UserName="ann")
    with refused("NoSuchEntity", "Password Policy"):
        iam.get_account_password_policy()
    with refused("PasswordPolicyViolation", "at least 8 characters"):
        iam.create_login_profile(UserName="ann", Password="short")
    iam.update_account_password_policy(MinimumPasswordLength=12, RequireNumbers=True, MaxPasswordAge=90)
    found = iam.get_account_password_policy()["PasswordPolicy"]
    assert (found["MinimumPasswordLength"], found["RequireNumbers"], found["ExpirePasswords"]) == (
        12,
        True,
        True,
    )
    assert found["RequireSymbols"] is False
    with refused("PasswordPolicyViolation", "a number"):
        iam.create_login_profile(UserName="ann", Password="long-enough-it-is")
    iam.delete_account_password_policy()
    iam.create_login_profile(UserName="ann", Password="long-enough-it-is")


def test_a_login_profile_is_kept_without_the_password(server: Server, iam: Any) -> None:
    iam.create_user(UserName="ann")
    word = "nobody-may-find-this-1"
    made_ = iam.create_login_profile(UserName="ann", Password=word, PasswordResetRequired=True)[
        "LoginProfile"
    ]
    assert iam.get_login_profile(UserName="ann")["LoginProfile"] == made_
    iam.update_login_profile(UserName="ann", PasswordResetRequired=False)
    assert iam.get_login_profile(UserName="ann")["LoginProfile"]["PasswordResetRequired"] is False
    with refused("EntityAlreadyExists"):
        iam.create_login_profile(UserName="ann", Password=word)
    with refused("DeleteConflict", "must delete login profile first"):
        iam.delete_user(UserName="ann")
    content = b"".join(path.read_bytes() for path in server.home.root.glob("clary.db*"))
    assert word.encode() not in content
    iam.delete_login_profile(UserName="ann")
    with refused("NoSuchEntity"):
        iam.get_login_profile(UserName="ann")
    iam.delete_user(UserName="ann")


def test_the_summary_counts_what_there_is(iam: Any) -> None:
    before = iam.get_account_summary()["SummaryMap"]
    assert (before["Users"], before["Roles"], before["Groups"]) == (1, 2, 0)
    iam.create_user(UserName="ann")
    iam.create_group(GroupName="team")
    made_ = iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*")))["Policy"]
    iam.create_policy_version(PolicyArn=made_["Arn"], PolicyDocument=policy(allow("logs:*")))
    after = iam.get_account_summary()["SummaryMap"]
    assert (after["Users"], after["Groups"], after["Policies"], after["PolicyVersionsInUse"]) == (2, 1, 1, 2)
    assert after["AccessKeysPerUserQuota"] == 2


def test_everything_is_told_at_once_and_in_pages(iam: Any) -> None:
    document = policy(allow("s3:*"))
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=document)
    iam.create_group(GroupName="team")
    iam.attach_group_policy(GroupName="team", PolicyArn=S3_READ)
    iam.add_user_to_group(GroupName="team", UserName="ann")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    iam.create_instance_profile(InstanceProfileName="machines")
    iam.add_role_to_instance_profile(InstanceProfileName="machines", RoleName="SageMakerExecutionRole")
    pages = list(
        iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2})
    )
    assert len(pages) > 2
    names = {
        "UserDetailList": "UserName",
        "GroupDetailList": "GroupName",
        "RoleDetailList": "RoleName",
        "Policies": "PolicyName",
    }
    told = {
        member: {item[name]: item for page in pages for item in page[member]}
        for member, name in names.items()
    }
    ann = told["UserDetailList"]["ann"]
    assert ann["GroupList"] == ["team"]
    assert ann["UserPolicyList"][0]["PolicyDocument"]["Statement"] == [allow("s3:*")]
    assert ann["AttachedManagedPolicies"] == [{"PolicyName": "p", "PolicyArn": arn}]
    assert told["GroupDetailList"]["team"]["AttachedManagedPolicies"][0]["PolicyArn"] == S3_READ
    role = told["RoleDetailList"]["SageMakerExecutionRole"]
    assert [one["InstanceProfileName"] for one in role["InstanceProfileList"]] == ["machines"]
    assert set(told["Policies"]) == {
        "p",
        "AdministratorAccess",
        "AmazonS3ReadOnlyAccess",
        "AmazonSageMakerFullAccess",
    }
    assert told["Policies"]["p"]["PolicyVersionList"][0]["Document"]["Statement"] == [allow("s3:*")]
    only = iam.get_account_authorization_details(Filter=["Group"])
    assert (len(only["GroupDetailList"]), only["UserDetailList"], only["Policies"]) == (1, [], [])


def test_a_policy_s_entities_come_in_pages_and_by_use(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    for name in ("ann", "bob"):
        iam.create_user(UserName=name, Path="/people/")
        iam.attach_user_policy(UserName=name, PolicyArn=arn)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": "*"}), PermissionsBoundary=arn)
    pages = iam.get_paginator("list_entities_for_policy").paginate(
        PolicyArn=arn, PaginationConfig={"PageSize": 1}
    )
    found = [
        (member, item) for page in pages for member in ("PolicyUsers", "PolicyRoles") for item in page[member]
    ]
    assert [item.get("UserName") or item["RoleName"] for _, item in found] == ["r", "ann", "bob"]
    attached = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsPolicy")
    assert (len(attached["PolicyUsers"]), attached["PolicyRoles"]) == (2, [])
    bounded = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
    assert (bounded["PolicyUsers"], len(bounded["PolicyRoles"])) == ([], 1)
    assert iam.list_entities_for_policy(PolicyArn=arn, PathPrefix="/other/")["PolicyUsers"] == []


def test_what_nobody_can_have_is_listed_as_none_and_refused(iam: Any) -> None:
    iam.create_user(UserName="ann")
    assert iam.list_mfa_devices(UserName="ann")["MFADevices"] == []
    assert iam.list_signing_certificates(UserName="ann")["Certificates"] == []
    assert iam.list_ssh_public_keys(UserName="ann")["SSHPublicKeys"] == []
    assert iam.list_service_specific_credentials(UserName="ann")["ServiceSpecificCredentials"] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert iam.list_server_certificates()["ServerCertificateMetadataList"] == []
    with refused("NoSuchEntity"):
        iam.list_mfa_devices(UserName="nobody")
    with refused("InvalidAction", "CreateVirtualMFADevice"):
        iam.create_virtual_mfa_device(VirtualMFADeviceName="mine")


def test_context_keys_of_policies_are_named(iam: Any) -> None:
    asks = allow("s3:GetObject", Condition={"StringEquals": {"aws:PrincipalTag/Team": "a"}})
    found = iam.get_context_keys_for_custom_policy(PolicyInputList=[policy(asks)])["ContextKeyNames"]
    assert [name.lower() for name in found] == ["aws:principaltag/team"]
    user = iam.create_user(UserName="ann")["User"]
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(asks))
    found = iam.get_context_keys_for_principal_policy(PolicySourceArn=user["Arn"])["ContextKeyNames"]
    assert len(found) == 1
    with refused("InvalidInput", "PolicyInputList.1"):
        iam.get_context_keys_for_custom_policy(PolicyInputList=["{"])


def test_limits_are_those_of_an_account(iam: Any) -> None:
    iam.create_user(UserName="ann")
    document = policy(allow("s3:*"))
    arns = [
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=document)["Policy"]["Arn"]
        for number in range(11)
    ]
    for arn in arns[:10]:
        iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    with refused("LimitExceeded", "PoliciesPerUser: 10"):
        iam.attach_user_policy(UserName="ann", PolicyArn=arns[10])
    for number in range(10):
        iam.create_group(GroupName=f"g{number}")
        iam.add_user_to_group(UserName="ann", GroupName=f"g{number}")
    iam.create_group(GroupName="g10")
    with refused("LimitExceeded", "GroupsPerUser: 10"):
        iam.add_user_to_group(UserName="ann", GroupName="g10")
    with refused("LimitExceeded", "PolicySize: 6144"):
        big = policy(allow("s3:*", [f"arn:aws:s3:::{number:060d}" for number in range(90)]))
        iam.create_policy(PolicyName="big", PolicyDocument=big)


@pytest.mark.parametrize(
    "name",
    ["PowerUserAccess", "ReadOnlyAccess", "IAMFullAccess", "CloudWatchFullAccess"],
)
def test_well_known_policies_can_be_attached(iam: Any, name: str) -> None:
    arn = f"arn:aws:iam::aws:policy/{name}"
    iam.create_user(UserName="ann")
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    found = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (found["PolicyName"], found["AttachmentCount"]) == (name, 1)
    version = iam.get_policy_version(PolicyArn=arn, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    assert version["Document"]["Statement"]


def test_every_aws_policy_has_an_id_of_its_own_and_its_path(iam: Any) -> None:
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS")
    found = [one for page in pages for one in page["Policies"]]
    assert len({one["PolicyId"] for one in found}) == len(found)
    assert all(one["Arn"].endswith(f":policy{one['Path']}{one['PolicyName']}") for one in found)


def test_a_power_user_works_and_manages_nobody(server: Server, iam: Any) -> None:
    iam.create_user(UserName="ann")
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/PowerUserAccess")
    keys = iam.create_access_key(UserName="ann")["AccessKey"]
    server.client("s3", keys).list_buckets()
    server.client("sagemaker", keys).list_models()
    with refused("AccessDenied"):
        server.client("iam", keys).create_user(UserName="bob")


def test_versions_of_a_policy_are_listed_newest_first(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    for number in range(2, 12):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("s3:*")), SetAsDefault=True)
        if number > 2:
            iam.delete_policy_version(PolicyArn=arn, VersionId=f"v{number - 2}")
    pages = iam.get_paginator("list_policy_versions").paginate(
        PolicyArn=arn, PaginationConfig={"PageSize": 1}
    )
    assert [v["VersionId"] for page in pages for v in page["Versions"]] == ["v11", "v10"]

"""What a permission of IAM or Organizations is asked on: the thing the call names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.iam.people import ACCOUNT, allow, fresh, policy, refused, user
from tests.conformance.organizations.people import made

if TYPE_CHECKING:
    from tests.conftest import Server


def test_a_group_s_manager_manages_that_group_alone(server: Server) -> None:
    iam, path = server.client("iam"), fresh("managed")
    _, keys = user(server, allow("iam:*", f"arn:aws:iam::{ACCOUNT}:group/{path}/*"))
    manager, (other, _) = server.client("iam", keys), user(server)
    mine, theirs = fresh("mine"), fresh("theirs")
    manager.create_group(GroupName=mine, Path=f"/{path}/")
    iam.create_group(GroupName=theirs)
    manager.add_user_to_group(GroupName=mine, UserName=other)
    manager.put_group_policy(GroupName=mine, PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    for call, members in (
        (manager.add_user_to_group, {"UserName": other}),
        (manager.get_group, {}),
        (manager.delete_group, {}),
    ):
        with refused("AccessDenied", f":group/{theirs}"):
            call(GroupName=theirs, **members)
    with refused("AccessDenied", ":group/"):
        manager.create_group(GroupName=fresh("elsewhere"))


def test_an_instance_profile_is_what_is_asked_about(server: Server) -> None:
    name = fresh("profile")
    _, keys = user(server, allow("iam:*", f"arn:aws:iam::{ACCOUNT}:instance-profile/{name}"))
    iam = server.client("iam", keys)
    iam.create_instance_profile(InstanceProfileName=name)
    iam.get_instance_profile(InstanceProfileName=name)
    with refused("AccessDenied", "instance-profile/other"):
        iam.create_instance_profile(InstanceProfileName="other")


def test_accounts_need_the_permission_of_organizations(server: Server) -> None:
    account = made(server)
    _, keys = user(server, allow(["organizations:List*", "organizations:DescribeOrganization"]))
    organizations = server.client("organizations", keys)
    assert organizations.list_accounts()["Accounts"]
    with refused("AccessDeniedException", "organizations:CreateAccount"):
        organizations.create_account(AccountName="x", Email="x@example.com")
    with refused("AccessDeniedException", "organizations:CloseAccount"):
        organizations.close_account(AccountId=account)


def test_a_malformed_policy_is_told_with_its_place(server: Server) -> None:
    iam = server.client("iam")
    with refused("MalformedPolicyDocument", "line 2 column 1"):
        iam.create_policy(PolicyName="p", PolicyDocument='{"Version": "2012-10-17",\n}')
    wrong = {"Sid": "Two", "Effect": "Maybe", "Action": "s3:*", "Resource": "*"}
    with refused("MalformedPolicyDocument", "(statement 2, Two)"):
        iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*"), wrong))

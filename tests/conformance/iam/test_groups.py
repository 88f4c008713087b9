"""Groups: their users have what they grant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.iam.people import ACCOUNT, allow, deny, fresh, policy, refused, user

if TYPE_CHECKING:
    from tests.conftest import Server

S3_READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def group(server: Server, *users: str) -> str:
    """Make a group of users; answer its name."""
    iam, name = server.client("iam"), fresh("group")
    iam.create_group(GroupName=name)
    for one in users:
        iam.add_user_to_group(GroupName=name, UserName=one)
    return name


def test_a_group_is_created_described_listed_and_deleted(server: Server) -> None:
    iam, name = server.client("iam"), fresh("group")
    made = iam.create_group(GroupName=name, Path="/teams/")["Group"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/teams/{name}"
    assert made["GroupId"].startswith("AGPA")
    assert iam.get_group(GroupName=name)["Group"] == made
    assert made in iam.list_groups(PathPrefix="/teams/")["Groups"]
    assert made not in iam.list_groups(PathPrefix="/other/")["Groups"]
    iam.delete_group(GroupName=name)
    with refused("NoSuchEntity", f"The group with name {name} cannot be found."):
        iam.get_group(GroupName=name)


def test_users_have_what_their_groups_grant_while_they_belong(server: Server) -> None:
    iam = server.client("iam")
    name, keys = user(server)
    team = group(server, name)
    s3 = server.client("s3", keys)
    with refused("AccessDenied"):
        s3.list_buckets()
    iam.put_group_policy(
        GroupName=team, PolicyName="own", PolicyDocument=policy(allow("s3:ListAllMyBuckets"))
    )
    s3.list_buckets()
    iam.delete_group_policy(GroupName=team, PolicyName="own")
    with refused("AccessDenied"):
        s3.list_buckets()
    iam.attach_group_policy(GroupName=team, PolicyArn=S3_READ)
    s3.list_buckets()
    iam.remove_user_from_group(GroupName=team, UserName=name)
    with refused("AccessDenied"):
        s3.list_buckets()


def test_a_group_s_deny_wins_over_a_user_s_allow_and_a_boundary_bounds_a_group(server: Server) -> None:
    iam = server.client("iam")
    name, keys = user(server, allow("s3:*"))
    denying = group(server, name)
    iam.put_group_policy(
        GroupName=denying, PolicyName="no", PolicyDocument=policy(deny("s3:ListAllMyBuckets"))
    )
    with refused("AccessDenied", "explicit deny in an identity-based policy"):
        server.client("s3", keys).list_buckets()
    other, keys = user(server)
    granting = group(server, other)
    iam.attach_group_policy(GroupName=granting, PolicyArn=S3_READ)
    iam.put_user_permissions_boundary(
        UserName=other, PermissionsBoundary="arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    )
    with refused("AccessDenied", "permissions boundary"):
        server.client("s3", keys).list_buckets()


def test_a_user_of_another_account_s_group_of_that_name_gains_nothing(server: Server) -> None:
    name, keys = user(server)
    team = group(server)
    server.client("iam").put_group_policy(GroupName=team, PolicyName="p", PolicyDocument=policy(allow("*")))
    with refused("AccessDenied"):
        server.client("s3", keys).list_buckets()
    assert server.client("iam").list_groups_for_user(UserName=name)["Groups"] == []


def test_a_group_s_users_come_in_pages(server: Server) -> None:
    names = sorted(user(server)[0] for _ in range(5))
    team = group(server, *names)
    pages = list(
        server.client("iam")
        .get_paginator("get_group")
        .paginate(GroupName=team, PaginationConfig={"PageSize": 2})
    )
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert [one["UserName"] for page in pages for one in page["Users"]] == names
    listed = server.client("iam").list_groups_for_user(UserName=names[0])["Groups"]
    assert [one["GroupName"] for one in listed] == [team]


def test_a_group_with_anything_left_is_not_deleted_nor_is_its_user(server: Server) -> None:
    iam = server.client("iam")
    name, key = user(server)
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    team = group(server, name)
    with refused("DeleteConflict", "must remove users from group first"):
        iam.delete_group(GroupName=team)
    with refused("DeleteConflict", "must remove users from group first"):
        iam.delete_user(UserName=name)
    iam.remove_user_from_group(GroupName=team, UserName=name)
    iam.delete_user(UserName=name)
    iam.attach_group_policy(GroupName=team, PolicyArn=S3_READ)
    with refused("DeleteConflict", "must detach all policies first"):
        iam.delete_group(GroupName=team)
    iam.detach_group_policy(GroupName=team, PolicyArn=S3_READ)
    iam.put_group_policy(GroupName=team, PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    with refused("DeleteConflict", "must delete policies first"):
        iam.delete_group(GroupName=team)


def test_a_renamed_group_keeps_its_users_and_what_it_grants(server: Server) -> None:
    iam = server.client("iam")
    name, keys = user(server)
    team, after = group(server, name), fresh("renamed")
    iam.attach_group_policy(GroupName=team, PolicyArn=S3_READ)
    before = iam.get_group(GroupName=team)["Group"]
    iam.update_group(GroupName=team, NewGroupName=after, NewPath="/new/")
    found = iam.get_group(GroupName=after)
    assert found["Group"]["GroupId"] == before["GroupId"]
    assert found["Group"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/new/{after}"
    assert [one["UserName"] for one in found["Users"]] == [name]
    server.client("s3", keys).list_buckets()
    with refused("NoSuchEntity"):
        iam.get_group(GroupName=team)
    other = group(server)
    with refused("EntityAlreadyExists"):
        iam.update_group(GroupName=other, NewGroupName=after.upper())
    assert iam.get_group(GroupName=other)["Group"]["GroupName"] == other


def test_a_renamed_user_keeps_keys_groups_and_policies(server: Server) -> None:
    iam, after = server.client("iam"), fresh("renamed")
    name, keys = user(server, allow("s3:ListAllMyBuckets"))
    team = group(server, name)
    iam.update_user(UserName=name, NewUserName=after, NewPath="/people/")
    arn = f"arn:aws:iam::{ACCOUNT}:user/people/{after}"
    assert server.client("sts", keys).get_caller_identity()["Arn"] == arn
    server.client("s3", keys).list_buckets()
    assert [one["GroupName"] for one in iam.list_groups_for_user(UserName=after)["Groups"]] == [team]
    assert [one["UserName"] for one in iam.list_access_keys(UserName=after)["AccessKeyMetadata"]] == [after]
    with refused("NoSuchEntity"):
        iam.get_user(UserName=name)


def test_names_ignore_case(server: Server) -> None:
    iam, name = server.client("iam"), fresh("case")
    document = policy(allow("s3:*"))
    iam.create_user(UserName=name)
    iam.create_group(GroupName=name)
    iam.create_policy(PolicyName=name, PolicyDocument=document)
    with refused("EntityAlreadyExists", f"User with name {name.upper()} already exists."):
        iam.create_user(UserName=name.upper())
    with refused("EntityAlreadyExists", "Group with name"):
        iam.create_group(GroupName=name.upper())
    with refused("EntityAlreadyExists"):
        iam.create_policy(PolicyName=name.upper(), PolicyDocument=document)


def test_a_group_is_simulated_and_named_among_a_policy_s_entities(server: Server) -> None:
    iam, team = server.client("iam"), group(server)
    iam.attach_group_policy(GroupName=team, PolicyArn=S3_READ)
    arn = iam.get_group(GroupName=team)["Group"]["Arn"]
    [result] = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject"])[
        "EvaluationResults"
    ]
    assert result["EvalDecision"] == "allowed"
    found = iam.list_entities_for_policy(PolicyArn=S3_READ, EntityFilter="Group")
    assert team in [one["GroupName"] for one in found["PolicyGroups"]]
    assert found["PolicyUsers"] == []
    [attached] = iam.list_attached_group_policies(GroupName=team)["AttachedPolicies"]
    assert attached == {"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": S3_READ}

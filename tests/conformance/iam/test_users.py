"""Users and their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.iam.people import ACCOUNT, allow, fresh, policy, refused, user

if TYPE_CHECKING:
    from tests.conftest import Server


def test_a_user_is_created_described_listed_and_deleted(server: Server) -> None:
    iam, name = server.client("iam"), fresh("ann")
    made = iam.create_user(UserName=name, Path="/team/", Tags=[{"Key": "a", "Value": "b"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/{name}"
    assert made["UserId"].startswith("AIDA")
    assert iam.get_user(UserName=name)["User"] == made
    listed = iam.list_users(PathPrefix="/team/")["Users"]
    assert name in [item["UserName"] for item in listed]
    iam.delete_user(UserName=name)
    with refused("NoSuchEntity", f"The user with name {name} cannot be found."):
        iam.get_user(UserName=name)


def test_a_name_is_taken_once(server: Server) -> None:
    iam, name = server.client("iam"), fresh("ann")
    iam.create_user(UserName=name)
    with refused("EntityAlreadyExists", f"User with name {name} already exists."):
        iam.create_user(UserName=name)


def test_a_user_with_anything_left_is_not_deleted(server: Server) -> None:
    iam = server.client("iam")
    name, key = user(server, allow("s3:*"))
    with refused("DeleteConflict", "must delete policies first"):
        iam.delete_user(UserName=name)
    iam.delete_user_policy(UserName=name, PolicyName="own")
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    with refused("DeleteConflict", "must detach all policies first"):
        iam.delete_user(UserName=name)
    iam.detach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    with refused("DeleteConflict", "must delete access keys first"):
        iam.delete_user(UserName=name)
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def test_a_user_has_two_keys_at_most_and_lists_them_without_secrets(server: Server) -> None:
    iam = server.client("iam")
    name, first = user(server)
    second = iam.create_access_key(UserName=name)["AccessKey"]
    with refused("LimitExceeded", "AccessKeysPerUser: 2"):
        iam.create_access_key(UserName=name)
    listed = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert {key["AccessKeyId"] for key in listed} == {first["AccessKeyId"], second["AccessKeyId"]}
    assert all(key["Status"] == "Active" and "SecretAccessKey" not in key for key in listed)


def test_a_key_works_until_it_is_deactivated_or_deleted_and_not_one_call_longer(server: Server) -> None:
    iam = server.client("iam")
    name, key = user(server)
    sts = server.client("sts", key)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{name}"
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("InvalidClientTokenId"):
        sts.get_caller_identity()
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    with refused("InvalidClientTokenId"):
        sts.get_caller_identity()


def test_users_may_look_after_themselves_without_saying_their_name(server: Server) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"
    name, key = user(server, allow(["iam:GetUser", "iam:*AccessKey*"], own))
    iam = server.client("iam", key)
    assert iam.get_user()["User"]["UserName"] == name
    second = iam.create_access_key()["AccessKey"]["AccessKeyId"]
    assert len(iam.list_access_keys()["AccessKeyMetadata"]) == 2
    iam.delete_access_key(AccessKeyId=second)
    with refused(
        "AccessDenied", "user/administrator because no identity-based policy allows the iam:GetUser"
    ):
        iam.get_user(UserName="administrator")


def test_inline_policies_are_put_read_listed_and_deleted(server: Server) -> None:
    iam = server.client("iam")
    name, _ = user(server)
    for word in ("b", "a", "c"):
        iam.put_user_policy(UserName=name, PolicyName=word, PolicyDocument=policy(allow("s3:*")))
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == ["a", "b", "c"]
    document = iam.get_user_policy(UserName=name, PolicyName="a")["PolicyDocument"]
    assert document == {"Version": "2012-10-17", "Statement": [allow("s3:*")]}
    iam.delete_user_policy(UserName=name, PolicyName="a")
    with refused("NoSuchEntity", "The user policy with name a cannot be found."):
        iam.get_user_policy(UserName=name, PolicyName="a")
    with refused("MalformedPolicyDocument", "Syntax errors in policy."):
        iam.put_user_policy(UserName=name, PolicyName="a", PolicyDocument="{")
    with refused("LimitExceeded", "Maximum policy size of 2048 bytes"):
        big = policy(allow("s3:*", [f"arn:aws:s3:::{number:060d}" for number in range(40)]))
        iam.put_user_policy(UserName=name, PolicyName="a", PolicyDocument=big)


def test_a_long_list_comes_in_pages(server: Server) -> None:
    iam, path = server.client("iam"), f"/{fresh('many')}/"
    names = sorted(fresh("page") for _ in range(7))
    for name in names:
        iam.create_user(UserName=name, Path=path)
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix=path, PaginationConfig={"PageSize": 3}))
    assert [len(page["Users"]) for page in pages] == [3, 3, 1]
    assert [item["UserName"] for page in pages for item in page["Users"]] == names
    with refused("ValidationError", "Marker"):
        iam.list_users(Marker="%%%")


def test_a_marker_is_short_enough_to_be_sent_back_and_goes_with_its_own_list(server: Server) -> None:
    iam, path = server.client("iam"), f"/{'p' * 400}/{fresh('long')}/"
    document = policy(allow("s3:GetObject"))
    for number in range(3):
        name = f"{number}{fresh('policy')}".ljust(128, "x")
        iam.create_policy(PolicyName=name, Path=path, PolicyDocument=document)
    first = iam.list_policies(Scope="Local", PathPrefix=path, MaxItems=1)
    rest = iam.list_policies(Scope="Local", PathPrefix=path, Marker=first["Marker"])
    assert (len(first["Policies"]), len(rest["Policies"])) == (1, 2)
    with refused("ValidationError", "The Marker belongs to another request"):
        iam.list_policies(Scope="All", PathPrefix=path, Marker=first["Marker"])

"""Several accounts on one server, by the calls of AWS Organizations."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from unittest.mock import ANY

import pytest
from sqlalchemy import func, select
from tests.conformance.iam.people import refused, role
from tests.conformance.organizations.people import ACCOUNT, administrator, fresh, made, model, visitor

from clary.store.database import metadata

if TYPE_CHECKING:
    from tests.conftest import Server

SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}


def digits() -> str:
    """Return a number that no account has yet."""
    return f"77{secrets.randbelow(10**10):010d}"


def left_of(server: Server, account: str) -> dict[str, int]:
    """Count the rows of each table that still name an account."""
    with server.stores.database.read() as connection:
        counts = {
            table.name: connection.scalar(select(func.count()).where(table.c.account == account)) or 0
            for table in metadata.sorted_tables
            if "account" in table.c
        }
    return {name: count for name, count in counts.items() if count}


def test_a_new_account_has_what_the_first_one_has(server: Server) -> None:
    account = made(server)
    keys = administrator(server, account)
    who = server.client("sts", keys).get_caller_identity()
    assert who["Account"] == account
    assert who["Arn"] == f"arn:aws:sts::{account}:assumed-role/SageMakerExecutionRole/administrator"
    found = server.client("iam", keys).get_role(RoleName="SageMakerExecutionRole")["Role"]
    assert found["Arn"] == f"arn:aws:iam::{account}:role/SageMakerExecutionRole"
    buckets = server.client("s3", keys).list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets] == [f"sagemaker-us-east-1-{account}"]
    assert server.client("iam", keys).get_user()["User"]["UserName"] == "administrator"
    assert model(server, keys, "mine") == f"arn:aws:sagemaker:us-east-1:{account}:model/mine"


def test_the_management_account_visits_through_the_access_role_and_nobody_else_does(server: Server) -> None:
    account = made(server, RoleName="Visitors")
    keys = visitor(server, account, "Visitors")
    assert server.client("sts", keys).get_caller_identity()["Account"] == account
    stranger = administrator(server, made(server))
    with refused("AccessDenied", "sts:AssumeRole"):
        server.client("sts", stranger).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/Visitors", RoleSessionName="visit"
        )


def test_accounts_are_described_and_listed(server: Server) -> None:
    organizations, number = server.client("organizations"), digits()
    name = fresh("team")
    status = organizations.create_account(
        AccountName=name,
        Email=f"{name}@example.com",
        Tags=[{"Key": "clary:account-id", "Value": number}, {"Key": "team", "Value": "a"}],
    )["CreateAccountStatus"]
    assert (status["State"], status["AccountId"], status["AccountName"]) == ("SUCCEEDED", number, name)
    again = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])
    assert again["CreateAccountStatus"] == status
    pages = organizations.get_paginator("list_create_account_status").paginate(States=["SUCCEEDED"])
    assert status in [one for page in pages for one in page["CreateAccountStatuses"]]
    account = organizations.describe_account(AccountId=number)["Account"]
    organization = organizations.describe_organization()["Organization"]
    assert account["Arn"] == f"arn:aws:organizations::{ACCOUNT}:account/{organization['Id']}/{number}"
    assert (account["Name"], account["Status"], account["JoinedMethod"]) == (name, "ACTIVE", "CREATED")
    assert organization["MasterAccountId"] == ACCOUNT
    pages = organizations.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2})
    listed = [one for page in pages for one in page["Accounts"]]
    assert account in listed
    assert ACCOUNT in [one["Id"] for one in listed]
    tags = organizations.list_tags_for_resource(ResourceId=number)["Tags"]
    assert tags == [{"Key": "team", "Value": "a"}]
    organizations.untag_resource(ResourceId=number, TagKeys=["team"])
    assert organizations.list_tags_for_resource(ResourceId=number)["Tags"] == []


def test_every_account_lies_under_the_one_root(server: Server) -> None:
    organizations, account = server.client("organizations"), made(server)
    [root] = organizations.list_roots()["Roots"]
    assert organizations.list_parents(ChildId=account)["Parents"] == [{"Id": root["Id"], "Type": "ROOT"}]
    pages = organizations.get_paginator("list_accounts_for_parent").paginate(ParentId=root["Id"])
    assert account in [one["Id"] for page in pages for one in page["Accounts"]]
    units = organizations.list_organizational_units_for_parent(ParentId=root["Id"])
    assert units["OrganizationalUnits"] == []
    with refused("ParentNotFoundException"):
        organizations.list_accounts_for_parent(ParentId="r-none")
    with refused("ChildNotFoundException"):
        organizations.list_parents(ChildId=digits())


def test_a_number_or_an_address_that_is_taken_is_refused(server: Server) -> None:
    organizations, name = server.client("organizations"), fresh("twice")
    account = made(server, Email=f"{name}@example.com")
    answer = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
    status = answer["CreateAccountStatus"]
    assert (status["State"], status["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    for number in (account, ACCOUNT, "12", "twelve-chars"):
        with refused("InvalidInputException", number):
            made(server, Tags=[{"Key": "clary:account-id", "Value": number}])


@pytest.mark.parametrize("operation", ["list_accounts", "list_roots", "list_create_account_status"])
def test_a_member_manages_nothing(server: Server, operation: str) -> None:
    account = made(server)
    organizations = server.client("organizations", administrator(server, account))
    with refused("AccessDeniedException", "is for the management account"):
        getattr(organizations, operation)()
    with refused("AccessDeniedException"):
        organizations.create_account(AccountName="x", Email="x@example.com")
    with refused("AccessDeniedException"):
        organizations.close_account(AccountId=account)
    assert organizations.describe_organization()["Organization"]["MasterAccountId"] == ACCOUNT


def test_an_empty_account_is_closed_and_its_keys_end(server: Server) -> None:
    organizations, account = server.client("organizations"), made(server)
    keys = administrator(server, account)
    session = visitor(server, account)
    organizations.close_account(AccountId=account)
    found = organizations.describe_account(AccountId=account)["Account"]
    assert (found["Status"], found["State"]) == ("SUSPENDED", "CLOSED")
    for ended in (keys, session):
        with refused("InvalidClientTokenId"):
            server.client("sts", ended).get_caller_identity()
    with refused("AccountAlreadyClosedException"):
        organizations.close_account(AccountId=account)
    with refused("InvalidInputException", "exists already"):
        made(server, Tags=[{"Key": "clary:account-id", "Value": account}])


def test_an_account_that_holds_something_is_closed_only_when_marked(server: Server) -> None:
    organizations, account = server.client("organizations"), made(server)
    keys = administrator(server, account)
    bucket = f"sagemaker-us-east-1-{account}"
    s3 = server.client("s3", keys)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="marked")
    arn = model(server, keys, fresh("model"), region_name="eu-west-1")
    server.client("iam", keys).create_user(UserName="bob")
    server.client("logs", keys).create_log_group(logGroupName="mine")
    server.client("cloudwatch", keys).put_metric_data(
        Namespace="mine", MetricData=[{"MetricName": "m", "Value": 1.0}]
    )
    told = "1 iam User, 1 logs LogGroup, 1 s3 Bucket, 1 sagemaker Model"
    with refused("ConflictException", told):
        organizations.close_account(AccountId=account)
    s3.head_object(Bucket=bucket, Key="a/b")
    organizations.tag_resource(ResourceId=account, Tags=[{"Key": "clary:on-close", "Value": "destroy"}])
    organizations.close_account(AccountId=account)
    with refused("404"):
        server.client("s3").head_bucket(Bucket=bucket)
    assert server.stores.records.by_arn(arn) is None
    assert left_of(server, account) == {"records": 1, "changes": ANY}


def test_the_management_account_stays(server: Server) -> None:
    with refused("ConstraintViolationException", "cannot be closed"):
        server.client("organizations").close_account(AccountId=ACCOUNT)
    with refused("AccountNotFoundException"):
        server.client("organizations").close_account(AccountId=digits())


def test_names_are_each_account_s_own(server: Server) -> None:
    first, second = (administrator(server, made(server)) for _ in range(2))
    for keys in (first, second):
        server.client("iam", keys).create_user(UserName="ann")
        model(server, keys, "same")
        server.client("logs", keys).create_log_group(logGroupName="same")
        assert len(server.client("sagemaker", keys).list_models()["Models"]) == 1
    name = fresh("bucket")
    server.client("s3", first).create_bucket(Bucket=name)
    with refused("BucketAlreadyExists"):
        server.client("s3", second).create_bucket(Bucket=name)


def test_a_role_of_another_account_is_not_passed(server: Server) -> None:
    arn = role(server, SAGEMAKER)
    keys = administrator(server, made(server))
    with refused("AccessDeniedException", "iam:PassRole"):
        server.client("sagemaker", keys).create_model(ModelName=fresh("model"), ExecutionRoleArn=arn)

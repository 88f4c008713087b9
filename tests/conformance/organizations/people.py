"""Other accounts on the shared server, made as a user of AWS Organizations makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.iam.people import ACCOUNT, fresh

if TYPE_CHECKING:
    from tests.conftest import Server

__all__ = ["ACCOUNT", "administrator", "fresh", "made", "model", "visitor"]


def made(server: Server, **options: Any) -> str:
    """Make an account; answer its number."""
    name = fresh("account")
    request = {"AccountName": name, "Email": f"{name}@example.com", **options}
    status = server.client("organizations").create_account(**request)["CreateAccountStatus"]
    assert status["State"] == "SUCCEEDED", status
    number: str = status["AccountId"]
    return number


def model(server: Server, keys: dict[str, str], name: str, **options: Any) -> str:
    """Make a model with the account's execution role; answer its ARN."""
    account = server.client("sts", keys).get_caller_identity()["Account"]
    arn: str = server.client("sagemaker", keys, **options).create_model(
        ModelName=name,
        ExecutionRoleArn=f"arn:aws:iam::{account}:role/SageMakerExecutionRole",
        PrimaryContainer={"Image": f"{account}.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"},
    )["ModelArn"]
    return arn


def visitor(server: Server, account: str, role: str = "OrganizationAccountAccessRole") -> dict[str, str]:
    """Answer credentials of the role that lets the management account in."""
    arn = f"arn:aws:iam::{account}:role/{role}"
    answer = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="visit")
    keys: dict[str, str] = answer["Credentials"]
    return keys


def administrator(server: Server, account: str) -> dict[str, str]:
    """Answer a key of an account's own administrator."""
    iam = server.client("iam", visitor(server, account))
    keys: dict[str, str] = iam.create_access_key(UserName="administrator")["AccessKey"]
    return keys

"""Users and roles of the tests' own, on a server that several suites share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"


def fresh(word: str) -> str:
    """Return a name nobody else has."""
    return f"{word}-{uuid4().hex[:10]}"


def policy(*statements: dict[str, Any]) -> str:
    """Return the text of a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: Any, resource: Any = "*", **members: Any) -> dict[str, Any]:
    """Return an Allow statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **members}


def deny(action: Any, resource: Any = "*", **members: Any) -> dict[str, Any]:
    """Return a Deny statement."""
    return {"Effect": "Deny", "Action": action, "Resource": resource, **members}


def trust(principal: Any, action: Any = "sts:AssumeRole", **members: Any) -> str:
    """Return a trust policy."""
    return policy({"Effect": "Allow", "Principal": principal, "Action": action, **members})


def user(server: Server, *statements: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Create a user with one inline policy and a key; answer its name and the key."""
    iam, name = server.client("iam"), fresh("user")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    return name, iam.create_access_key(UserName=name)["AccessKey"]


def role(server: Server, principal: Any, *statements: dict[str, Any], **options: Any) -> str:
    """Create a role with one inline policy; answer its ARN."""
    iam, name = server.client("iam"), fresh("role")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal), **options)["Role"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
    arn: str = made["Arn"]
    return arn


@contextmanager
def refused(code: str, words: str = "") -> Iterator[None]:
    """Expect an error with a code and with words in its message."""
    try:
        yield
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert words in error.response["Error"]["Message"], error
    else:
        raise AssertionError(f"the call went through; {code} was expected")

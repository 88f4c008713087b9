"""One case for every box of IAM's documented evaluation order, worked out by hand.

The boxes are those of docs/evidence/iam-evaluation.md; there are no service control policies here.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from clary.engines.policy import Caller, Policies, Policy, Request, evaluate, parse
from clary.engines.policy.parse import Kind

HOME = "000000000000"
BUCKET_KEY = "arn:aws:s3:::reports/2026/a.csv"
USER = Caller(account=HOME, arn=f"arn:aws:iam::{HOME}:user/ann", grants=f"arn:aws:iam::{HOME}:user/ann")
SESSION = Caller(
    account=HOME,
    arn=f"arn:aws:sts::{HOME}:assumed-role/Reader/one",
    grants=f"arn:aws:iam::{HOME}:role/Reader",
    user_id="AROAREADERREADERREADE:one",
)
FEDERATED = Caller(
    account=HOME, arn=f"arn:aws:sts::{HOME}:federated-user/guest", grants=USER.arn, user_id=f"{HOME}:guest"
)
SERVICE = Caller(service="sagemaker.amazonaws.com")


def allow(**members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*", **members}


def deny(**members: Any) -> dict[str, Any]:
    return {**allow(**members), "Effect": "Deny"}


def to(*arns: str) -> dict[str, Any]:
    return {"Principal": {"AWS": list(arns)}}


def policy(*statements: dict[str, Any], kind: Kind = "identity") -> list[Policy]:
    return [parse(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), kind)]


GRANT, SILENT = policy(allow()), policy(allow(Action="s3:PutObject"))
ACCOUNT = policy(allow(**to(f"arn:aws:iam::{HOME}:root")), kind="resource")
ROLE = policy(allow(**to(SESSION.grants)), kind="resource")
ITSELF = policy(allow(**to(USER.arn, SESSION.arn)), kind="resource")
EVERYONE = policy(allow(Principal="*"), kind="resource")
ANOTHER = policy(allow(**to("arn:aws:iam::111111111111:root")), kind="resource")

CASES: list[tuple[str, Caller, Policies, str, str]] = [
    # Box 1: an explicit deny, in whatever layer, ends it.
    (
        "deny by identity",
        USER,
        Policies(identity=policy(allow(), deny())),
        "explicitDeny",
        "identity-based policy",
    ),
    (
        "deny by resource",
        USER,
        Policies(identity=GRANT, resource=policy(deny(Principal="*"), kind="resource")),
        "explicitDeny",
        "resource-based policy",
    ),
    (
        "deny by boundary, though the resource names the user",
        USER,
        Policies(identity=GRANT, resource=ITSELF, boundary=policy(allow(), deny())),
        "explicitDeny",
        "permissions boundary",
    ),
    (
        "deny by session, though the resource names the session",
        SESSION,
        Policies(identity=GRANT, resource=ITSELF, session=policy(deny())),
        "explicitDeny",
        "session policy",
    ),
    (
        "deny whose condition is not met",
        USER,
        Policies(identity=policy(allow(), deny(Condition={"StringEquals": {"aws:username": "eve"}}))),
        "allowed",
        "",
    ),
    # Box 2: the resource's policy, within one account.
    ("the user itself", USER, Policies(resource=ITSELF), "allowed", ""),
    (
        "the user itself, outside its boundary",
        USER,
        Policies(resource=ITSELF, boundary=SILENT),
        "allowed",
        "",
    ),
    (
        "the session itself",
        SESSION,
        Policies(resource=ITSELF, boundary=SILENT, session=SILENT),
        "allowed",
        "",
    ),
    ("the role", SESSION, Policies(resource=ROLE), "allowed", ""),
    (
        "the role, outside its boundary",
        SESSION,
        Policies(resource=ROLE, boundary=SILENT),
        "implicitDeny",
        "permissions boundary",
    ),
    (
        "the role, outside its session",
        SESSION,
        Policies(resource=ROLE, session=SILENT),
        "implicitDeny",
        "session policy",
    ),
    (
        "the user behind a federated session, outside its session policies",
        FEDERATED,
        Policies(resource=ITSELF, session=SILENT),
        "implicitDeny",
        "session policy",
    ),
    ("the role, inside both", SESSION, Policies(resource=ROLE, boundary=GRANT, session=GRANT), "allowed", ""),
    ("everyone", USER, Policies(resource=EVERYONE), "allowed", ""),
    ("the account only", USER, Policies(resource=ACCOUNT), "implicitDeny", "identity-based policy"),
    ("the account, which hands it on", USER, Policies(identity=GRANT, resource=ACCOUNT), "allowed", ""),
    ("somebody else", USER, Policies(resource=ANOTHER), "implicitDeny", "identity-based policy"),
    # Box 3: the identity's own policies.
    ("identity allows", USER, Policies(identity=GRANT), "allowed", ""),
    ("nothing at all", USER, Policies(), "implicitDeny", "identity-based policy"),
    ("another action", USER, Policies(identity=SILENT), "implicitDeny", "identity-based policy"),
    # Box 4: the permissions boundary.
    ("inside the boundary", USER, Policies(identity=GRANT, boundary=GRANT), "allowed", ""),
    (
        "outside the boundary",
        USER,
        Policies(identity=GRANT, boundary=SILENT),
        "implicitDeny",
        "permissions boundary",
    ),
    (
        "an empty boundary",
        USER,
        Policies(identity=GRANT, boundary=[]),
        "implicitDeny",
        "permissions boundary",
    ),
    ("a boundary grants nothing", USER, Policies(boundary=GRANT), "implicitDeny", "identity-based policy"),
    # Box 5: session policies.
    ("inside the session", SESSION, Policies(identity=GRANT, session=GRANT), "allowed", ""),
    (
        "outside the session",
        SESSION,
        Policies(identity=GRANT, session=SILENT),
        "implicitDeny",
        "session policy",
    ),
    ("a session grants nothing", SESSION, Policies(session=GRANT), "implicitDeny", "identity-based policy"),
    # Across accounts: both sides must allow.
    ("both sides", USER, Policies(identity=GRANT, resource=ACCOUNT, foreign=True), "allowed", ""),
    (
        "only the caller's side",
        USER,
        Policies(identity=GRANT, foreign=True),
        "implicitDeny",
        "resource-based policy",
    ),
    (
        "only the resource's side",
        USER,
        Policies(resource=ITSELF, foreign=True),
        "implicitDeny",
        "identity-based policy",
    ),
    (
        "the resource names the session, the caller's session policy does not",
        SESSION,
        Policies(identity=GRANT, resource=ITSELF, session=SILENT, foreign=True),
        "implicitDeny",
        "session policy",
    ),
    (
        "both sides, outside the boundary",
        USER,
        Policies(identity=GRANT, resource=ITSELF, boundary=SILENT, foreign=True),
        "implicitDeny",
        "permissions boundary",
    ),
    # A role's trust policy must allow whatever else does.
    (
        "not trusted",
        USER,
        Policies(identity=GRANT, trust=True),
        "implicitDeny",
        "trust policy",
    ),
    (
        "a service that is trusted",
        SERVICE,
        Policies(
            resource=policy(allow(Principal={"Service": SERVICE.service}), kind="resource"),
            trust=True,
        ),
        "allowed",
        "",
    ),
]


@pytest.mark.parametrize(
    ("caller", "policies", "outcome", "layer"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_box_of_the_documented_order_decides(
    caller: Caller, policies: Policies, outcome: str, layer: str
) -> None:
    decision = evaluate(policies, Request(action="s3:GetObject", resource=BUCKET_KEY, caller=caller))
    assert decision.outcome == outcome
    if layer:
        assert decision.layer == layer

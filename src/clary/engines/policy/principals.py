"""Whom a resource policy or a trust policy means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from clary.engines.policy.document import Statement

Reach = Literal["none", "account", "role", "direct"]
_ORDER: tuple[Reach, ...] = ("none", "account", "role", "direct")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: an AWS principal by its ARNs, or a service by its name; what it is not stays empty."""

    account: str = ""
    arn: str = ""
    grants: str = ""
    user_id: str = ""
    service: str = ""


def reach(statement: Statement, caller: Caller) -> Reach:
    """Say how a statement's principal element meets the caller.

    `account` means that the caller's account as a whole is named: its own policies may hand the right on.
    `role` names the role behind a session, or the user behind a federated one; `direct` names the user or the
    session itself, or everyone.
    """
    pairs = statement.principals or ()
    best: Reach = "none"
    for kind, text in pairs:
        found = _one(kind, text, caller)
        if _ORDER.index(found) > _ORDER.index(best):
            best = found
    if statement.other_principals:
        return "direct" if best == "none" else "none"
    return best


def _one(kind: str, text: str, caller: Caller) -> Reach:
    if kind == "Service":
        return "direct" if caller.service and text == caller.service else "none"
    if kind != "AWS":
        return "none"
    if text == "*":
        return "direct"
    if caller.service:
        return "none"
    if text == caller.account or text.endswith(f"::{caller.account}:root"):
        return "account"
    if text == caller.grants and (":role/" in text or ":federated-user/" in caller.arn):
        return "role"
    unique = caller.user_id.split(":")[0]
    if text.startswith("AROA") and text == unique:
        return "role"
    return "direct" if text in (caller.arn, caller.grants, unique) else "none"

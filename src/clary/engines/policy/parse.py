"""From the text of a policy to data, refusing what IAM refuses, in IAM's words."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from clary.core.document import Document
from clary.engines.policy.conditions import OPERATORS
from clary.engines.policy.document import Condition, Policy, Qualifier, Statement
from clary.engines.policy.pattern import Pattern, compile_pattern

Kind = Literal["identity", "trust", "resource", "own"]
"""What a policy is attached to; an `own` one may leave out the resource, which is what it is attached to."""

VERSIONS = ("2012-10-17", "2008-10-17")
_SYNTAX = "Syntax errors in policy."
_MEMBERS = frozenset(
    {
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Principal",
        "NotPrincipal",
        "Condition",
    }
)
_ACTION = re.compile(r"\*|(?:\*|[A-Za-z0-9-]+):[A-Za-z0-9*?:._-]+")
_ARN = re.compile(r"arn:[^:]*:[^:]*(:[^:]*(:[^:]*(:.*)?)?)?", re.DOTALL)
_PRINCIPALS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_PRINCIPAL_ARN = re.compile(
    r"arn:[\w-]+:(iam::\d{12}:(root|(user|role|federated-user)/\S+)"
    r"|sts::\d{12}:(assumed-role/[^/\s]+/\S+|federated-user/\S+))"
)
_OPERATOR = re.compile(r"(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?", re.IGNORECASE)


class Malformed(ValueError):
    """The document is not a policy of the wanted kind; the text is what IAM would say."""


@lru_cache(maxsize=2048)
def parse(text: str, kind: Kind = "identity", *, name: str = "", source: str = "none") -> Policy:
    """Return the policy that `text` spells; raises Malformed."""
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise Malformed(_SYNTAX) from error
    if not isinstance(document, dict) or document.keys() - {"Version", "Id", "Statement"}:
        raise Malformed(_SYNTAX)
    version = document.get("Version", VERSIONS[1])
    if version not in VERSIONS or not isinstance(document.get("Id", ""), str):
        raise Malformed(_SYNTAX)
    if kind == "identity" and "Version" not in document:
        raise Malformed("Policy document must be version 2012-10-17 or greater.")
    raw = document.get("Statement")
    listed = [raw] if isinstance(raw, dict) else raw
    if not isinstance(listed, list) or not listed:
        raise Malformed(_SYNTAX)
    statements = tuple(_statement(item, kind, variables=version == VERSIONS[0]) for item in listed)
    sids = [statement.sid for statement in statements if statement.sid]
    if len(sids) != len(set(sids)):
        raise Malformed("Statement IDs (SID) in a single policy must be unique.")
    return Policy(statements=statements, name=name, source=source)


def _no_duplicates(pairs: list[tuple[str, object]]) -> Document:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _statement(raw: object, kind: Kind, *, variables: bool) -> Statement:
    if not isinstance(raw, dict) or raw.keys() - _MEMBERS:
        raise Malformed(_SYNTAX)
    sid, effect = raw.get("Sid", ""), raw.get("Effect")
    if effect not in ("Allow", "Deny") or not isinstance(sid, str):
        raise Malformed(_SYNTAX)
    if kind == "identity" and not re.fullmatch(r"[A-Za-z0-9]*", sid):
        raise Malformed(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
            "expression [0-9A-Za-z]*"
        )
    return Statement(
        sid=sid,
        effect="Allow" if effect == "Allow" else "Deny",
        actions=_actions(raw),
        other_actions="NotAction" in raw,
        resources=_resources(raw, kind, variables),
        other_resources="NotResource" in raw,
        principals=_principals(raw, kind),
        other_principals="NotPrincipal" in raw,
        conditions=_conditions(raw.get("Condition", {}), variables),
    )


def _one_of(raw: Document, member: str) -> list[str] | None:
    """Return the texts under a member or its `Not…` twin; None when neither is there."""
    names = [name for name in (member, f"Not{member}") if name in raw]
    if len(names) > 1:
        raise Malformed(_SYNTAX)
    return _texts(raw[names[0]]) if names else None


def _texts(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    texts = [item for item in listed if isinstance(item, str)]
    if len(texts) != len(listed):
        raise Malformed(_SYNTAX)
    return texts


def _actions(raw: Document) -> tuple[Pattern, ...]:
    texts = _one_of(raw, "Action")
    if not texts:
        raise Malformed("Policy statement must contain actions.")
    for text in texts:
        if not _ACTION.fullmatch(text):
            if ":" not in text:
                raise Malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
            raise Malformed("The policy failed legacy parsing")
    return tuple(compile_pattern(text.casefold(), wild=True, variables=False) for text in texts)


def _resources(raw: Document, kind: Kind, variables: bool) -> tuple[Pattern, ...] | None:
    texts = _one_of(raw, "Resource")
    if kind == "trust":
        if texts is not None:
            raise Malformed("Has prohibited field Resource")
        return None
    if kind == "own" and texts is None:
        return None
    if not texts:
        raise Malformed("Policy statement must contain resources.")
    for text in texts:
        if text != "*" and not text.startswith("${") and not _ARN.fullmatch(text):
            raise Malformed(f'Resource {text} must be in ARN format or "*".')
    return tuple(compile_pattern(text, wild=True, variables=variables) for text in texts)


def _principals(raw: Document, kind: Kind) -> tuple[tuple[str, str], ...] | None:
    names = [name for name in ("Principal", "NotPrincipal") if name in raw]
    if kind == "identity":
        if names:
            raise Malformed("Policy document should not specify a principal.")
        return None
    if len(names) != 1:
        raise Malformed("Missing required field Principal" if not names else _SYNTAX)
    value = raw[names[0]]
    if value == "*":
        return (("AWS", "*"),)
    if not isinstance(value, dict) or not value or value.keys() - _PRINCIPALS:
        raise Malformed("Invalid principal in policy")
    pairs = [(principal, text) for principal in value for text in _texts(value[principal])]
    if not pairs:
        raise Malformed("Invalid principal in policy")
    for principal, text in pairs:
        _check_principal(principal, text)
    return tuple(pairs)


def _check_principal(principal: str, text: str) -> None:
    if principal == "AWS":
        known = text == "*" or re.fullmatch(r"\d{12}|A(?:ID|RO)A[A-Z0-9]{12,}", text)
        if not known and not _PRINCIPAL_ARN.fullmatch(text):
            raise Malformed(f'Invalid principal in policy: "AWS":"{text}"')
    elif not text:
        raise Malformed(f'Invalid principal in policy: "{principal}":""')


def _conditions(raw: object, variables: bool) -> tuple[Condition, ...]:
    if not isinstance(raw, dict):
        raise Malformed(_SYNTAX)
    conditions: list[Condition] = []
    for operator, block in raw.items():
        match = _OPERATOR.fullmatch(operator)
        if (
            not match
            or match[2].lower() not in (*OPERATORS, "null")
            or (match[2].lower() == "null" and match[3])
        ):
            raise Malformed(f"Invalid Condition type : {operator}")
        if not isinstance(block, dict):
            raise Malformed(_SYNTAX)
        for key, value in block.items():
            conditions.append(_condition(match, key, _values(value), variables))
    return tuple(conditions)


def _condition(match: re.Match[str], key: str, values: Sequence[str], variables: bool) -> Condition:
    operator = match[2].lower()
    if ":" not in key:
        raise Malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    wild = operator in ("stringlike", "stringnotlike") or operator.startswith("arn")
    qualifiers: dict[str, Qualifier] = {"forallvalues": "forallvalues", "foranyvalue": "foranyvalue"}
    return Condition(
        operator=operator,
        key=key.lower(),
        values=tuple(compile_pattern(value, wild=wild, variables=variables) for value in values),
        qualifier=qualifiers.get((match[1] or "").lower(), ""),
        if_exists=bool(match[3]),
    )


def _values(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    texts: list[str] = []
    for item in listed:
        if isinstance(item, bool):
            texts.append("true" if item else "false")
        elif isinstance(item, str | int | float):
            texts.append(str(item))
        else:
            raise Malformed(_SYNTAX)
    return texts

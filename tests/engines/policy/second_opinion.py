"""A second evaluator, made differently on purpose: raw JSON, regular expressions, the documented flow chart.

Nothing of the product is imported here. Where the two disagree, one of them is wrong.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

Json = dict[str, Any]
_UNKNOWN = object()


@dataclass
class Question:
    """A request in the second evaluator's own words."""

    action: str
    resource: str
    account: str = ""
    session: str = ""
    holder: str = ""
    service: str = ""
    unique: str = ""
    context: dict[str, list[str]] = field(default_factory=dict)


def decide(
    question: Question,
    identity: list[Json],
    resource: list[Json],
    boundary: list[Json] | None,
    session: list[Json] | None,
    *,
    foreign: bool = False,
    trust: bool = False,
) -> str:
    """Follow the flow chart: deny, then the resource's side, then identity, boundary and session."""
    every = [*identity, *resource, *(boundary or []), *(session or [])]
    if any(_effects(policy, question, "Deny") for policy in every):
        return "explicitDeny"

    def allows(policies: list[Json]) -> bool:
        return any(_effects(policy, question, "Allow") for policy in policies)

    by_identity, by_boundary = allows(identity), boundary is None or allows(boundary)
    by_session = session is None or allows(session)
    own_side = by_identity and by_boundary and by_session
    on_resource = {
        how
        for policy in resource
        for st in _effects(policy, question, "Allow")
        for how in _named(st, question)
    }
    if foreign:
        return "allowed" if on_resource and own_side else "implicitDeny"
    if {"everyone", "itself"} & on_resource:
        return "allowed"
    if "its role" in on_resource:
        return "allowed" if by_boundary and by_session else "implicitDeny"
    if trust and not on_resource:
        return "implicitDeny"
    return "allowed" if own_side else "implicitDeny"


def _effects(policy: Json, question: Question, effect: str) -> list[Json]:
    return [
        st for st in _list(policy["Statement"]) if st["Effect"] == effect and _applies(st, policy, question)
    ]


def _applies(statement: Json, policy: Json, question: Question) -> bool:
    variables = policy.get("Version") == "2012-10-17"
    checks = [_side(statement, "Action", question.action.lower(), question, variables=False, lower=True)]
    if "Resource" in statement or "NotResource" in statement:
        checks.append(
            _side(statement, "Resource", question.resource, question, variables=variables, lower=False)
        )
    if "Principal" in statement or "NotPrincipal" in statement:
        checks.append(bool(_named(statement, question)))
    careful = all if statement["Effect"] == "Allow" else any
    for operator, block in statement.get("Condition", {}).items():
        for key, wanted in block.items():
            texts = [_text(w) for w in _list(wanted)]
            checks.append(_condition(operator, key, texts, question, variables, careful))
    return all(checks)


def _side(
    statement: Json, member: str, value: str, question: Question, *, variables: bool, lower: bool
) -> bool:
    positive = member in statement
    patterns = _list(statement[member if positive else f"Not{member}"])
    if lower:
        patterns = [pattern.lower() for pattern in patterns]
    return positive == any(_like(pattern, value, question, variables) for pattern in patterns)


def _named(statement: Json, question: Question) -> set[str]:
    if "NotPrincipal" in statement:
        inside = _principals(statement["NotPrincipal"], question)
        return set() if inside else {"itself"}
    return _principals(statement["Principal"], question)


def _principals(element: Any, question: Question) -> set[str]:
    if element == "*":
        return {"everyone"}
    found: set[str] = set()
    for service in _list(element.get("Service", [])):
        if question.service == service:
            found.add("itself")
    for arn in _list(element.get("AWS", [])):
        if arn == "*":
            found.add("everyone")
        elif question.service:
            continue
        elif arn == question.account or re.fullmatch(rf"arn:\w+:iam::{question.account}:root", arn):
            found.add("the account")
        elif arn in (question.holder, question.unique):
            is_role = ":role/" in arn or arn.startswith("AROA")
            found.add("its role" if is_role else "itself")
        elif arn == question.session:
            found.add("itself")
    return found


def _condition(
    operator: str,
    key: str,
    wanted: list[str],
    question: Question,
    variables: bool,
    careful: Callable[[Iterable[bool]], bool],
) -> bool:
    known = {name.lower(): values for name, values in question.context.items()}
    values = known.get(key.lower(), [])
    qualifier, _, plain = operator.rpartition(":")
    if plain == "Null":
        return ("true" if not values else "false") in [text.lower() for text in wanted]
    optional = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    if optional and not values:
        return True
    negative = "Not" in plain
    results = [
        any(_compare(plain.replace("Not", ""), v, w, question, variables) for w in wanted) for v in values
    ]
    if qualifier == "ForAllValues":
        return all(result is not negative for result in results)
    if qualifier == "ForAnyValue":
        return any(result is not negative for result in results)
    if not values:
        return negative
    return careful([result is not negative for result in results])


def _compare(operator: str, value: str, wanted: str, question: Question, variables: bool) -> bool:
    if operator.startswith("Arn"):
        pieces, given = wanted.split(":", 5), value.split(":", 5)
        if len(pieces) != 6 or len(given) != 6:
            return wanted == "*"
        return all(_like(p, g, question, variables) for p, g in zip(pieces, given, strict=True))
    if operator == "StringLike":
        return _like(wanted, value, question, variables)
    filled = _fill(wanted, question) if variables else wanted
    return filled is not _UNKNOWN and _compare_text(operator, value, str(filled))


def _compare_text(operator: str, value: str, text: str) -> bool:
    if operator == "StringEquals":
        return value == text
    if operator == "BinaryEquals":
        return _octets(value) is not None and _octets(value) == _octets(text)
    if operator in ("StringEqualsIgnoreCase", "Bool"):
        return value.lower() == text.lower()
    if operator == "IpAddress":
        try:
            return ipaddress.ip_address(value) in ipaddress.ip_network(text, strict=False)
        except ValueError:
            return False
    try:
        left, right = _scalar(operator, value), _scalar(operator, text)
    except ValueError:
        return False
    order = operator.removeprefix("Numeric").removeprefix("Date")
    return {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[order]


def _octets(text: str) -> bytes | None:
    legal = re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text)
    return base64.b64decode(text) if legal else None


def _scalar(operator: str, text: str) -> Fraction:
    if operator.startswith("Numeric") or re.fullmatch(r"-?\d+(\.\d+)?", text):
        return Fraction(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(f"{moment.isoformat()}+00:00")
    return Fraction(moment.timestamp()).limit_denominator(1000)


def _like(pattern: str, value: str, question: Question, variables: bool) -> bool:
    expression = ""
    at = 0
    while at < len(pattern):
        found = re.compile(r"\$\{([^},]+)(?:,\s*'([^']*)')?\}").match(pattern, at) if variables else None
        if found:
            filled = _variable(found[1].strip(), found[2], question)
            if filled is None:
                return False
            expression += re.escape(filled)
            at = found.end()
            continue
        expression += {"*": "[\\s\\S]*", "?": "[\\s\\S]"}.get(pattern[at], re.escape(pattern[at]))
        at += 1
    return re.fullmatch(expression, value) is not None


def _fill(text: str, question: Question) -> object:
    missing: list[str] = []

    def put(found: re.Match[str]) -> str:
        filled = _variable(found[1].strip(), found[2], question)
        if filled is None:
            missing.append(found[1])
            return ""
        return filled

    done = re.sub(r"\$\{([^},]+)(?:,\s*'([^']*)')?\}", put, text)
    return _UNKNOWN if missing else done


def _variable(name: str, default: str | None, question: Question) -> str | None:
    if name in ("*", "?", "$"):
        return name
    known = {key.lower(): values for key, values in question.context.items()}
    values = known.get(name.lower(), [])
    return values[0] if len(values) == 1 else default


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def both(statements: Iterable[Json], version: str = "2012-10-17") -> Json:
    """Return a policy document."""
    return {"Version": version, "Statement": list(statements)}

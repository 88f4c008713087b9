"""Policy documents on their way in and out of IAM."""

from __future__ import annotations

import json
from urllib.parse import quote

from clary.core.errors import ApiError
from clary.engines.policy import Malformed, parse
from clary.engines.policy.parse import Kind
from clary.operations.iam.answers import limit
from clary.operations.iam.grants import find_holder
from clary.store.records import Records

_POLICY_SIZE = 6144  # Characters of a managed policy, white space not counted.
_TRUST_SIZE = 4096  # Characters of a trust policy: the most a quota increase gives; IAM starts with 2048.


def checked(text: str, kind: Kind = "identity") -> str:
    """Return the document as it came, or raise MalformedPolicyDocument in IAM's words."""
    try:
        parse(text, kind)
    except Malformed as error:
        raise _malformed(f"{error}{_place(text, kind)}") from error
    return text


def checked_size(text: str) -> str:
    """Return a managed policy's document as it came; one that is too long raises LimitExceeded."""
    if len("".join(checked(text).split())) > _POLICY_SIZE:
        raise limit(f"Cannot exceed quota for PolicySize: {_POLICY_SIZE}")
    return text


def checked_trust(text: str, records: Records) -> str:
    """Return a trust policy as it came; the users and roles it names must exist in this account."""
    checked(text, "trust")
    if len("".join(text.split())) > _TRUST_SIZE:
        raise limit(f"Cannot exceed quota for ACLSizePerRole: {_TRUST_SIZE}")
    for statement in parse(text, "trust").statements:
        for kind, principal in statement.principals or ():
            mine = principal.startswith(
                (f"arn:aws:iam::{records.account}:user/", f"arn:aws:iam::{records.account}:role/")
            )
            if kind == "AWS" and mine and find_holder(records, principal) is None:
                raise _malformed(f'Invalid principal in policy: "AWS":"{principal}"')
    return text


def encoded(text: str) -> str:
    """Return a document as IAM answers it: percent-encoded."""
    return quote(text, safe="")


def _place(text: str, kind: Kind) -> str:
    """Say where the fault is: a line of the text, or a statement; nothing where it is the whole."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        return f" ({error.msg}: line {error.lineno} column {error.colno})"
    except (ValueError, RecursionError):
        return ""
    statements = document.get("Statement") if isinstance(document, dict) else None
    for number, statement in enumerate(statements if isinstance(statements, list) else (), 1):
        try:
            parse(json.dumps({**document, "Statement": [statement]}), kind)
        except Malformed:
            sid = statement.get("Sid") if isinstance(statement, dict) else None
            return f" (statement {number}{f', {sid}' if sid else ''})"
    return ""


def _malformed(text: str) -> ApiError:
    return ApiError(text, code="MalformedPolicyDocument", status=400)

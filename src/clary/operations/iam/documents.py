"""Policy documents on their way in and out of IAM."""

from __future__ import annotations

from urllib.parse import quote

from clary.core.errors import ApiError
from clary.engines.policy import Malformed, parse
from clary.engines.policy.parse import Kind
from clary.operations.iam.grants import find_holder
from clary.store.records import Records


def checked(text: str, kind: Kind = "identity") -> str:
    """Return the document as it came, or raise MalformedPolicyDocument in IAM's words."""
    try:
        parse(text, kind)
    except Malformed as error:
        raise _malformed(str(error)) from error
    return text


def checked_trust(text: str, records: Records) -> str:
    """Return a trust policy as it came; the users and roles it names must exist in this account."""
    checked(text, "trust")
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


def _malformed(text: str) -> ApiError:
    return ApiError(text, code="MalformedPolicyDocument", status=400)

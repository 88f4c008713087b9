"""Lambda: requests name functions by name, by part of an ARN or by all of it, with a qualifier or without."""

from __future__ import annotations

import re

from clary.core.arn import Arn
from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.operations.permissions.need import Need
from clary.operations.permissions.table import actions_of
from clary.store.records import Records

_PARTIAL = re.compile(r"(?:(\d{12}):)?(?:function:)?([^:]+)(?::([^:]+))?")
_NOWHERE = ("ListFunctions", "GetAccountSettings")


def needs(operation: str, request: Document, records: Records) -> list[Need]:
    """Return every permission a call needs."""
    actions = [f"lambda:{action}" for action in actions_of("lambda", operation)]
    text = request.get("FunctionName") or request.get("Resource")
    if operation in _NOWHERE or not isinstance(text, str):
        return [Need(action, "*") for action in actions]
    function, _ = named(text, records)
    wanted = [Need(action, function) for action in actions]
    if operation == "CreateFunction" and request.get("Tags"):
        wanted.append(Need("lambda:TagResource", function))
    role = request.get("Role")
    if isinstance(role, str) and parse_arn(role):
        passing = {
            "iam:passedtoservice": ("lambda.amazonaws.com",),
            "iam:associatedresourcearn": (function,),
        }
        wanted.append(Need("iam:PassRole", role, passing))
    code = request.get("Code") if operation == "CreateFunction" else request
    if isinstance(code, dict) and code.get("S3Bucket") and code.get("S3Key"):
        action = "s3:GetObjectVersion" if code.get("S3ObjectVersion") else "s3:GetObject"
        wanted.append(Need(action, f"arn:aws:s3:::{code['S3Bucket']}/{code['S3Key']}"))
    return wanted


def named(text: str, records: Records) -> tuple[str, str]:
    """Return the ARN of the function that a text names, and the qualifier behind it."""
    arn = parse_arn(text)
    if arn is not None:
        _, _, rest = arn.resource.partition(":")
        name, _, qualifier = rest.partition(":")
        return str(Arn(arn.service, arn.region, arn.account, f"function:{name}")), qualifier
    match = _PARTIAL.fullmatch(text)
    account, said, after = match.groups() if match else (None, text, None)
    return str(Arn("lambda", records.region, account or records.account, f"function:{said}")), after or ""

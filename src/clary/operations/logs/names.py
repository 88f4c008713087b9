"""How calls name log groups, and how mistakes are worded."""

from __future__ import annotations

from clary.core.arn import Arn, parse
from clary.core.errors import ApiError
from clary.operations.registry import Call


def group_name(call: Call) -> str:
    """Return the group a call names by `logGroupName` or by `logGroupIdentifier`, a name or an ARN."""
    name, identifier = call.request.get("logGroupName"), call.request.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise refused("Specify exactly one of logGroupName and logGroupIdentifier.")
    return str(name) if name is not None else named_by(str(identifier))


def named_by(identifier: str) -> str:
    """Return the group's name out of a name or an ARN."""
    arn = parse(identifier)
    if arn is None:
        return identifier
    kind, _, name = arn.resource.partition(":")
    if arn.service != "logs" or kind != "log-group" or not name:
        raise refused(f"{identifier} is not the ARN of a log group.")
    return name.removesuffix(":*")


def group_arn(call: Call, name: str) -> str:
    """Return a group's ARN without the `:*` that older members append."""
    return str(Arn("logs", call.region, call.account, f"log-group:{name}"))


def refused(words: str, code: str = "InvalidParameterException") -> ApiError:
    """Return the refusal of a parameter."""
    return ApiError(words, code=code, status=400)

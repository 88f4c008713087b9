"""CloudWatch Logs: operations act on a log group, or on one of its streams."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.permissions.need import Need

_ON_STREAM = frozenset({"PutLogEvents", "GetLogEvents", "DeleteLogStream"})


def needs(operation: str, request: Document, account: str, region: str) -> list[Need]:
    """Return the permission an operation on logs needs."""
    place = f"arn:aws:logs:{region}:{account}:log-group:"
    given = request.get("logGroupIdentifier") or request.get("resourceArn")
    group = request.get("logGroupName") or str(given or "").removeprefix(place).removesuffix(":*")
    stream = request.get("logStreamName", "") if operation in _ON_STREAM else ""
    return [Need(f"logs:{operation}", f"{place}{group}:log-stream:{stream}")]

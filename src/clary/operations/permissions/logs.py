"""CloudWatch Logs: a group may be named by its ARN, with or without `:*`."""

from __future__ import annotations

import re

from clary.core.document import Document
from clary.operations.permissions.named import Said

_GROUP = re.compile(r"arn:[^:]*:logs:[^:]*:[^:]*:log-group:([^:]+)")


def said(request: Document) -> Said:
    """Return the log groups a request names; what is tagged by its ARN is named by that ARN."""
    given = [request.get("logGroupName"), request.get("logGroupIdentifier")]
    listed = [*given, *(request.get("logGroupNames") or []), *(request.get("logGroupIdentifiers") or [])]
    names = [text for text in listed if isinstance(text, str) and text]
    groups = [match[1] if (match := _GROUP.match(text)) else text for text in names]
    return {"loggroupname": tuple(dict.fromkeys(groups))} if groups else {}

"""The tagging API tags in other services' names: each resource needs its own service's permission too."""

from __future__ import annotations

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.operations.permissions.need import Need
from clary.operations.permissions.table import table

_OWN = {
    "TagResources": ("TagResource", "AddTags", "PutBucketTagging"),
    "UntagResources": ("UntagResource", "DeleteTags", "PutBucketTagging"),
}
"""Operation, and what services call it, the usual name first."""


def needs(operation: str, request: Document) -> list[Need]:
    """Return the permission each resource's own service asks for."""
    listed = request.get("ResourceARNList")
    found: list[Need] = []
    for arn in listed if operation in _OWN and isinstance(listed, list) else ():
        parsed = parse_arn(str(arn))
        known = table(parsed.service).actions if parsed is not None else {}
        name = next((name for name in _OWN[operation] if name in known), None)
        if parsed is not None and name is not None:
            found.append(Need(f"{parsed.service}:{name}", str(arn)))
    return found

"""Contexts: what other entities of a lineage are grouped by, such as an endpoint."""

from clary.resources.registry import register
from clary.resources.spec import Resource

CONTEXT = register(
    Resource(
        kind="Context",
        arn="context/{ContextName!l}",
        caseless=True,  # evidence/lineage.md
        filters={"SourceUri": "Source.SourceUri"},
        removals={"PropertiesToRemove": "Properties"},
        conflict="ValidationException",  # evidence/lineage.md
        level="behaves",
    )
)

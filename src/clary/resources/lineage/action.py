"""Actions: things done, such as deploying a model."""

from clary.resources.registry import register
from clary.resources.spec import Resource

ACTION = register(
    Resource(
        kind="Action",
        arn="action/{ActionName!l}",
        caseless=True,  # evidence/lineage.md
        filters={"SourceUri": "Source.SourceUri"},
        removals={"PropertiesToRemove": "Properties"},
        conflict="ValidationException",  # evidence/lineage.md
        level="behaves",
    )
)

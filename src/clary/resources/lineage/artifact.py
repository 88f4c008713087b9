"""Artifacts: whatever has a URI and goes into a step or comes out of one."""

from clary.resources.registry import register
from clary.resources.spec import Resource

ARTIFACT = register(
    Resource(
        kind="Artifact",
        arn="artifact/{ArtifactId}",
        identity=("ArtifactId",),
        generated={"ArtifactId": "{32}"},  # in truth a digest of the source: operations/lineage/artifact.py
        filters={"SourceUri": "Source.SourceUri"},
        removals={"PropertiesToRemove": "Properties"},
        conflict="ValidationException",  # evidence/lineage.md
        conflict_text="An artifact with the same source already exists ({arn}).",
        level="behaves",
    )
)

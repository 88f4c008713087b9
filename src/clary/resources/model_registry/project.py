"""Projects: what belongs together. What a template would provision for one is not provisioned."""

from clary.resources.registry import register
from clary.resources.spec import Resource

PROJECT = register(
    Resource(
        kind="Project",
        arn="project/{ProjectName}",
        generated={"ProjectId": "p-{12}"},
        status="ProjectStatus",
        missing="ValidationException",  # evidence/registry-errors.md
        missing_text="Project {arn} does not exist.",
        conflict="ValidationException",
        conflict_text="Project already exists: {arn}",
    )
)

"""Code repositories: Git repositories under a name."""

from clary.resources.registry import register
from clary.resources.spec import Resource

CODE_REPOSITORY = register(
    Resource(
        kind="CodeRepository",
        arn="code-repository/{CodeRepositoryName}",
        missing="ValidationException",  # evidence/studio-errors.md
        missing_text='Cannot find CodeRepository: "{arn}"',
        conflict="ValidationException",
        conflict_text='Cannot create already existing CodeRepository: "{arn}"',
    )
)

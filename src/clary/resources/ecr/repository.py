"""Repositories of container images: kept with their settings. Layers cannot be pushed yet."""

from clary.resources.registry import register
from clary.resources.spec import Resource

REPOSITORY = register(
    Resource(
        kind="Repository",
        service="ecr",
        arn="repository/{repositoryName}",
        identity=("repositoryName",),
        arn_member="repositoryArn",
        missing="RepositoryNotFoundException",
        missing_text="The repository with name '{name}' does not exist in the registry",
        conflict="RepositoryAlreadyExistsException",
        conflict_text="The repository with name '{name}' already exists in the registry",
    )
)

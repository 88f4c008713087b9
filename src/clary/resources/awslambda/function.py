"""A Lambda function: its code, its configuration and who may call it."""

from clary.resources.registry import register
from clary.resources.spec import Resource

FUNCTION = register(
    Resource(
        kind="Function",
        service="lambda",
        arn="function:{FunctionName}",
        identity=("FunctionName",),
        missing="ResourceNotFoundException",
        missing_text="Function not found: {arn}",
        missing_status=404,
        conflict="ResourceConflictException",
        conflict_text="Function already exist: {name}",
        conflict_status=409,
    )
)

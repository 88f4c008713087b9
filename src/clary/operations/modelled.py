"""Which errors an operation may answer with: a client that knows the model must never meet another."""

from __future__ import annotations

from functools import cache

from clary.core.errors import ApiError, ValidationError
from clary.wire import models


def modelled(service: str, operation: str, error: ApiError) -> ApiError:
    """Return an error as its operation knows it: what only other operations have is a validation error.

    SageMaker itself answers so where an operation has no error of its own for what is missing or taken.
    """
    if not service.startswith("sagemaker"):
        return error
    if error.code in _codes(service, operation) or error.code not in _codes(service):
        return error
    return ValidationError(error.message)


@cache
def _codes(service: str, operation: str | None = None) -> frozenset[str]:
    """Return the codes of an operation's own errors, or of all errors of a service."""
    model = models.service(service)
    names = [operation] if operation else model.operation_names
    return frozenset(shape.name for name in names for shape in model.operation_model(name).error_shapes)

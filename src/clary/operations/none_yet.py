"""Lists of what nothing makes yet are empty, and none of it can be described: declared, not coded."""

from __future__ import annotations

from collections.abc import Callable

from botocore.model import ListShape

from clary.core.document import Document
from clary.core.errors import ApiError, NotBuilt, ResourceNotFound, ValidationError
from clary.operations import crud, kinds
from clary.operations.registry import Call, completes, operation
from clary.resources.spec import Resource
from clary.wire import models

Parent = Resource | None


def listed(name: str, parent: Parent = None, *, service: str = "sagemaker") -> None:
    """Declare a List that is empty because nothing makes what it lists. A parent it names must be there."""
    answer = kinds.members(models.service(service).operation_model(name).output_shape)
    lists = [member for member, shape in answer.items() if isinstance(shape, ListShape)]

    def serve(call: Call) -> Document:
        _check(parent, call)
        if call.request.get("NextToken"):
            raise ValidationError("The NextToken is not one this server gave out.")
        return {member: [] for member in lists}

    operation(service, name, level="stored")(serve)


def absent(
    name: str,
    words: str,
    parent: Parent = None,
    *,
    service: str = "sagemaker",
    error: Callable[[str], ApiError] = ResourceNotFound,
) -> None:
    """Declare an operation on something that is never there; `words` may name members of the request."""

    def serve(call: Call) -> Document:
        _check(parent, call)
        raise error(words.format_map(_Said(call.request)))

    operation(service, name, level="stored")(serve)


def unbuilt(name: str, parent: Resource, *, service: str = "sagemaker") -> None:
    """Declare an operation that is not built, on a record that has to be there to be told so."""

    def serve(call: Call) -> Document:
        _check(parent, call)
        raise NotBuilt(name)

    operation(service, name, level="absent")(serve)


def ended(name: str, member: str, *, service: str = "sagemaker") -> None:
    """Declare a Create whose job nothing runs: it ends as it begins, and `member` says when."""
    completes(service, name)(lambda call: at_once(call, member))


def at_once(call: Call, member: str) -> Document:
    """Return the times of a job that ends as it begins."""
    now = call.clock.now()
    return {"CreationTime": now, member: now}


class _Said(dict[str, object]):
    def __missing__(self, member: str) -> str:
        return "*"


def _check(parent: Parent, call: Call) -> None:
    """Refuse a call about a parent that is not there."""
    if parent is not None and {parent.key()[-1], parent.arn_in()} & set(call.request):
        crud.named(kinds.of(parent), call)

"""The boundary around what a user's or role's own policies can grant."""

from __future__ import annotations

from functools import partial

from clary.core.document import Document
from clary.operations.iam.answers import PRINCIPALS, absent, mine, refuse_linked
from clary.operations.iam.grants import managed
from clary.operations.registry import Call, operation
from clary.resources.spec import Resource


def boundary(call: Call) -> Document:
    """Return the stored form of the boundary a request names, nothing when it names none."""
    arn = call.request.get("PermissionsBoundary")
    if arn is None:
        return {}
    if managed(call.records, arn) is None:
        raise absent(f"Scope ARN: {arn} does not exist or is not attachable.")
    return {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}}


def put(resource: Resource, call: Call) -> None:
    """Put a managed policy around a user or role."""
    records = mine(call)
    with records.database.write():
        holder = records.get(resource, call.request)
        refuse_linked(holder)
        records.update(holder, boundary(call))


def delete(resource: Resource, call: Call) -> None:
    """Take the boundary away."""
    records = mine(call)
    with records.database.write():
        holder = records.get(resource, call.request)
        if "PermissionsBoundary" not in holder.doc:
            raise absent(f"The {resource.kind.lower()} {holder.name} has no permissions boundary.")
        records.update(holder, {}, remove=("PermissionsBoundary",))


for _word, _resource in PRINCIPALS:
    operation("iam", f"Put{_word}PermissionsBoundary")(partial(put, _resource))
    operation("iam", f"Delete{_word}PermissionsBoundary")(partial(delete, _resource))

"""What the three kinds of Application Auto Scaling share: kept under their place, listed by it.

Targets and policies scale a variant (controllers/inference/scaling.py); scheduled actions of other services
are kept only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.registry import Call
from clary.resources.application_autoscaling.scalable_target import SCALABLE_TARGET
from clary.resources.spec import Resource
from clary.store.records import KEEP, Filter, Record

_MOST = 50  # Items of a page when the request does not say.
_PLACE = ("ServiceNamespace", "ScalableDimension", "ResourceId")


def put(
    call: Call, resource: Resource, made_up: Callable[[], Document], due: datetime | None = None
) -> Record:
    """Create a record, or lay the request over the one that is there; `due` has a controller look at it."""
    with call.records.database.write():
        found = find(call, resource)
        if found is not None:
            return call.records.update(found, call.request, due=due or KEEP)
        return call.records.create(resource, {**call.request, **made_up()}, due=due)


def find(call: Call, resource: Resource) -> Record | None:
    """Return the record that a request names."""
    return call.records.find(resource, "/".join(str(call.request[name]) for name in resource.key()))


def require_target(call: Call) -> None:
    """Refuse what is about a target that is not registered."""
    if find(call, SCALABLE_TARGET) is None:
        place = ", ".join(f"{name}: {call.request[name]}" for name in _PLACE)
        raise ApiError(
            f"No scalable target registered for {place}. Register it with RegisterScalableTarget first.",
            code="ObjectNotFoundException",
            status=400,
        )


def page(call: Call, resource: Resource, names: Sequence[str] = ()) -> tuple[list[Record], Document]:
    """Return the records that a Describe asks for, and the token of the next page."""
    request = call.request
    where = [Filter(name, "eq", request[name]) for name in _PLACE if name in request]
    if names:
        where.append(Filter(resource.key()[-1], "in", tuple(names)))
    if (name := "ResourceIds") in request:
        where.append(Filter("ResourceId", "in", tuple(request[name])))
    limit, token = min(request.get("MaxResults", _MOST), _MOST), request.get("NextToken")
    try:
        found = call.records.page(resource, where=where, descending=False, limit=limit, token=token)
    except ApiError as error:
        raise ApiError(error.message, code="InvalidNextTokenException", status=400) from error
    return list(found.records), {"NextToken": found.next_token} if found.next_token else {}


def remove(call: Call, resource: Resource) -> None:
    """Delete the record that a request names; an absent one is refused."""
    with call.records.database.write():
        record = find(call, resource)
        if record is None:
            raise call.records.missing(resource, call.request)
        call.records.delete(record)

"""Event buses: the default one, and those that are made; who else may put events on one."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.core.tags import listed, tags_of
from clary.operations.computed_list import cut
from clary.operations.events.buses import bus_arn, bus_of, limit
from clary.operations.registry import Call, operation
from clary.resources.events.event_bus import DEFAULT, EVENT_BUS
from clary.resources.events.rule import RULE
from clary.store.record import Record

MOST = 100  # buses of an account: evidence/events.md
_PAGE = 100
_ABSENT = {
    "EventSourceName": "there are no partners' events here",
    "KmsKeyIdentifier": "the server's disk is not encrypted with keys of KMS",
    "LogConfig": "buses write no logs here; the server's log names what could not be delivered",
    "DeadLetterConfig": "set it on the targets",
}


@operation("events", "CreateEventBus")
def create(call: Call) -> Document:
    """Make a bus."""
    request = call.request
    for name, why in _ABSENT.items():
        if request.get(name):
            raise ValidationError(f"{name} cannot be had: {why}; leave it out.")
    if request["Name"] == DEFAULT or "/" in request["Name"]:
        raise ValidationError(f"Name is {request['Name']!r}; it may not be default, nor have a slash.")
    doc = {"Name": request["Name"], "Tags": listed(tags_of(request.get("Tags")))}
    doc |= {"Description": request["Description"]} if "Description" in request else {}
    with call.records.database.write():
        if sum(1 for _ in call.records.each(EVENT_BUS)) >= MOST:
            raise limit(f"The account has {MOST} event buses, as many as it may; delete one first.")
        record = call.records.create(EVENT_BUS, doc)
    return {"EventBusArn": record.arn, **_described(doc)}


@operation("events", "DescribeEventBus")
def describe(call: Call) -> Document:
    """Answer a bus."""
    name = bus_of(call, "Name")
    record = call.records.find(EVENT_BUS, name)
    return _told(call, name, record)


@operation("events", "ListEventBuses")
def page(call: Call) -> Document:
    """Answer the account's buses by name."""
    prefix = call.request.get("NamePrefix", "")
    every: dict[str, Record | None] = {DEFAULT: None, **{r.name: r for r in call.records.each(EVENT_BUS)}}
    found = ((name, _told(call, name, record)) for name, record in every.items() if name.startswith(prefix))
    buses, more = cut(call, found, call.request.get("Limit", _PAGE), call.request.get("NextToken"))
    return {"EventBuses": buses} | ({"NextToken": more} if more else {})


@operation("events", "DeleteEventBus")
def delete(call: Call) -> None:
    """Delete a bus without rules; one that is not there is no mistake."""
    name = call.request["Name"]
    if name == DEFAULT:
        raise ValidationError("Cannot delete event bus default.")
    with call.records.database.write():
        record = call.records.find(EVENT_BUS, name.rpartition("event-bus/")[2])
        if record is None:
            return
        if next(iter(call.records.each(RULE, under=record.name)), None) is not None:
            raise ValidationError(f"Event bus {record.name} has rules; delete them first.")
        call.records.delete(record)


@operation("events", "PutPermission")
def permit(call: Call) -> None:
    """Refuse: events of other accounts are not taken yet."""
    raise _own_accounts_only()


@operation("events", "RemovePermission")
def forbid(call: Call) -> None:
    """Find no such permission."""
    name = bus_of(call)
    raise ApiError(f"EventBus {name} does not have a policy.", code="ResourceNotFoundException", status=400)


def _own_accounts_only() -> ApiError:
    return ValidationError(
        "Buses take the events of their own account only; send another account's by a topic that both know."
    )


def _told(call: Call, name: str, record: Record | None) -> Document:
    told: Document = {"Name": name, "Arn": bus_arn(call, name)}
    if record is not None:
        times = {"CreationTime": record.created, "LastModifiedTime": record.modified}
        told |= {**_described(record.doc), **times}
    return told


def _described(doc: Document) -> Document:
    return {"Description": doc["Description"]} if "Description" in doc else {}

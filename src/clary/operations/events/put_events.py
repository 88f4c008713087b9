"""PutEvents and TestEventPattern: one's own events, kept for a bus's rules before they are answered for."""

from __future__ import annotations

import json
import uuid
from datetime import datetime

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.engines.events.announcement import stamp
from clary.operations.events.buses import bus_arn
from clary.operations.events.rule import check_pattern
from clary.operations.registry import Call, operation
from clary.resources.events.event_bus import DEFAULT, EVENT_BUS
from clary.store.events import outbox
from clary.store.times import micros

LARGEST = 1 << 20  # bytes of all entries of a request: evidence/events.md
FORWARDED = "_Forwarded"
"""The member by which one of our own buses hands on an event as it is."""

_TIME = 14  # bytes that a time counts for
_NEEDED = ("Source", "DetailType", "Detail")
_ENVELOPE = ("id", "account", "source", "time", "region", "resources", "detail-type", "detail")


@operation("events", "PutEvents")
def put(call: Call) -> Document:
    """Keep events for the rules of their buses; what is wrong with one keeps out that one."""
    if call.request.get("EndpointId"):
        raise ValidationError("There are no global endpoints here; leave EndpointId out.")
    entries = call.request["Entries"]
    if sum(map(_size, entries)) > LARGEST:
        raise ValidationError(
            f"Total size of the entries in the request is over the limit of {LARGEST} bytes."
        )
    now, told, kept = call.clock.now(), [], []
    for entry in entries:
        try:
            bus, event = _bus(call, entry), _event(call, entry, now)
        except ApiError as error:
            told.append({"ErrorCode": error.code, "ErrorMessage": error.message})
            continue
        kept.append((bus, event))
        told.append({"EventId": event["id"]})
    if kept:
        with call.records.database.write() as connection:
            for bus, event in kept:
                handed = FORWARDED in call.request
                outbox.put(connection, call.account, call.region, micros(now), event, bus, forwarded=handed)
    return {"FailedEntryCount": len(entries) - len(kept), "Entries": told}


@operation("events", "TestEventPattern")
def test_pattern(call: Call) -> Document:
    """Answer whether an event matches a pattern."""
    read = check_pattern(call.request["EventPattern"])
    try:
        event = json.loads(call.request["Event"])
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"Parameter Event is not valid. Reason: it is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise ValidationError("Parameter Event is not valid. Reason: an event is a JSON object.")
    if absent := [name for name in _ENVELOPE if name not in event]:
        raise ValidationError(f"Parameter Event is not valid. Reason: it has no {', '.join(absent)}.")
    return {"Result": read.matches(event)}


def _size(entry: Document) -> int:
    texts = [*(entry.get(name, "") for name in _NEEDED), *entry.get("Resources", ())]
    return sum(len(text.encode()) for text in texts) + (_TIME if "Time" in entry else 0)


def _bus(call: Call, entry: Document) -> str:
    given = entry.get("EventBusName") or DEFAULT
    arn = parse_arn(given)
    if arn is not None:
        if arn.account != call.account or arn.region != call.region:
            raise _refused("InvalidArgument", f"{given} is a bus of another account or region; put it there.")
        given = arn.resource.removeprefix("event-bus/")
    if given != DEFAULT and call.records.find(EVENT_BUS, given) is None:
        raise _refused("InvalidArgument", f"Event bus {given} does not exist.")
    return bus_arn(call, given)


def _event(call: Call, entry: Document, now: datetime) -> Document:
    if isinstance(forwarded := call.request.get(FORWARDED), dict):
        return forwarded
    for name in _NEEDED:
        if not entry.get(name):
            words = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            raise _refused("InvalidArgument", words)
    if entry["Source"].lower().startswith("aws."):
        raise _refused("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = json.loads(entry["Detail"])
    except (ValueError, RecursionError) as error:
        raise _refused("MalformedDetail", "Detail is malformed.") from error
    if not isinstance(detail, dict):
        raise _refused("MalformedDetail", "Detail is malformed.")
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": call.account,
        "time": stamp(entry.get("Time", now)),
        "region": call.region,
        "resources": list(entry.get("Resources", ())),
        "detail": detail,
    }


def _refused(code: str, words: str) -> ApiError:
    return ApiError(words, code=code, status=400)

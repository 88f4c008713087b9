"""Which bus or rule a call means, and how EventBridge words its refusals."""

from __future__ import annotations

import re

from clary.core.arn import Arn
from clary.core.arn import parse as parse_arn
from clary.core.errors import ApiError, ValidationError
from clary.operations.registry import Call
from clary.operations.sts.trust import trusts
from clary.resources.events.event_bus import DEFAULT, EVENT_BUS
from clary.resources.events.rule import RULE
from clary.store.record import Record

SERVICE = "events.amazonaws.com"
_LIKE_AWS = re.compile(r"aws\.|AWS\.")


def bus_of(call: Call, member: str = "EventBusName") -> str:
    """Return the name of the bus that a request means, by its name or ARN; an absent one raises."""
    given = call.request.get(member) or DEFAULT
    arn = parse_arn(given)
    if arn is not None:
        if (arn.service, arn.account, arn.region) != ("events", call.account, call.region):
            raise ValidationError(f"{given} is a bus of another account or region; ask there.")
        given = arn.resource.removeprefix("event-bus/")
    if given != DEFAULT and call.records.find(EVENT_BUS, given) is None:
        raise call.records.missing(EVENT_BUS, {"Name": given})
    return given


def bus_arn(call: Call, name: str) -> str:
    """Return a bus's ARN."""
    return str(Arn("events", call.region, call.account, f"event-bus/{name}"))


def rule_of(call: Call, member: str = "Name") -> Record:
    """Return the rule that a request names; an absent one raises."""
    bus, name = bus_of(call), call.request[member]
    record = call.records.find(RULE, f"{bus}/{name}")
    if record is None:
        raise missing(name, bus)
    return record


def missing(name: str, bus: str) -> ApiError:
    """Return the error that says a rule is not there."""
    words = f"Rule {name} does not exist on EventBus {bus}."
    return ApiError(words, code=RULE.missing, status=RULE.missing_status)


def check_role(call: Call, role: str, rule: str) -> None:
    """Refuse a role that EventBridge may not assume for a rule, given by its ARN."""
    if not trusts(call.records, role, SERVICE, rule):
        raise ValidationError(f"Provided role '{role}' cannot be assumed by principal '{SERVICE}'.")


def limit(words: str) -> ApiError:
    """Return the refusal of one too many."""
    return ApiError(words, code="LimitExceededException", status=400)

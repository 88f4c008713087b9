"""EventBridge's rules: put, described, listed, switched on and off, deleted."""

from __future__ import annotations

from collections.abc import Iterator

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.core.tags import listed, tags_of
from clary.engines.events import pattern, schedule
from clary.operations.computed_list import cut
from clary.operations.events.buses import bus_of, check_role, limit, missing, rule_of
from clary.operations.registry import Call, operation
from clary.resources.events.event_bus import DEFAULT
from clary.resources.events.rule import RULE
from clary.store.record import Record
from clary.store.records import KEEP, Due

TARGETS = "_Targets"
"""The member in which a rule's record keeps its targets, in the order they were put."""

MOST_RULES = 300  # on one bus: evidence/events.md
_PAGE = 100
_TOLD = ("Name", "EventPattern", "ScheduleExpression", "State", "Description", "RoleArn", "ManagedBy")


@operation("events", "PutRule")
def put(call: Call) -> Document:
    """Make a rule, or put another one in its place; its targets stay."""
    request = call.request
    bus, name = bus_of(call), request["Name"]
    _check(request, bus)
    if role := request.get("RoleArn"):
        check_role(call, role, call.records.arn(RULE, {"_Bus": _within(bus), "Name": name}))
    doc = {member: request[member] for member in _TOLD if member in request}
    doc = {"State": "ENABLED", **doc, "EventBusName": bus, "_Bus": _within(bus)}
    due = call.clock.now() if "ScheduleExpression" in doc else None
    with call.records.database.write():
        old = call.records.find(RULE, f"{bus}/{name}")
        if old is None:
            if sum(1 for _ in call.records.each(RULE, under=bus)) >= MOST_RULES:
                raise limit(f"EventBus {bus} has {MOST_RULES} rules, as many as it may; delete one first.")
            made = {
                "_Since": call.clock.now(),
                "CreatedBy": call.account,
                "Tags": listed(tags_of(request.get("Tags"))),
                TARGETS: [],
            }
            return {"RuleArn": call.records.create(RULE, {**doc, **made}, due=due).arn}
        gone = [member for member in _TOLD if member in old.doc and member not in doc]
        since = {"_Since": call.clock.now()}
        return {"RuleArn": call.records.update(old, {**doc, **since}, remove=gone, due=due).arn}


@operation("events", "DescribeRule")
def describe(call: Call) -> Document:
    """Answer a rule."""
    record = rule_of(call)
    return {**_told(record), "CreatedBy": record.doc["CreatedBy"]}


@operation("events", "ListRules")
def page(call: Call) -> Document:
    """Answer a bus's rules by name."""
    bus, prefix = bus_of(call), call.request.get("NamePrefix", "")
    found = ((r.name, _told(r)) for r in call.records.each(RULE, under=bus) if r.name.startswith(prefix))
    size, token = call.request.get("Limit", _PAGE), call.request.get("NextToken")
    rules, more = cut(call, found, size, token)
    return {"Rules": rules} | ({"NextToken": more} if more else {})


@operation("events", "EnableRule")
def enable(call: Call) -> None:
    """Switch a rule on."""
    _switch(call, "ENABLED")


@operation("events", "DisableRule")
def disable(call: Call) -> None:
    """Switch a rule off; it keeps its targets."""
    _switch(call, "DISABLED")


@operation("events", "DeleteRule")
def delete(call: Call) -> None:
    """Delete a rule without targets; one that is not there is no mistake."""
    with call.records.database.write():
        bus, name = bus_of(call), call.request["Name"]
        record = call.records.find(RULE, f"{bus}/{name}")
        if record is None:
            return
        if record.doc[TARGETS]:
            raise ValidationError("Rule can't be deleted since it has targets.")
        call.records.delete(record)


@operation("events", "ListRuleNamesByTarget")
def by_target(call: Call) -> Document:
    """Answer the names of a bus's rules that have a target."""
    bus, wanted = bus_of(call), call.request["TargetArn"]

    def names() -> Iterator[tuple[str, str]]:
        for record in call.records.each(RULE, under=bus):
            if any(target["Arn"] == wanted for target in record.doc[TARGETS]):
                yield record.name, record.name

    found, more = cut(call, names(), call.request.get("Limit", _PAGE), call.request.get("NextToken"))
    return {"RuleNames": found} | ({"NextToken": more} if more else {})


def _check(request: Document, bus: str) -> None:
    text, expression = request.get("EventPattern"), request.get("ScheduleExpression")
    if not text and not expression:
        raise ValidationError("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if text:
        check_pattern(text)
    if expression:
        if bus != DEFAULT:
            raise ValidationError("ScheduleExpression is supported only on the default event bus.")
        try:
            schedule.read(expression, once=False, strict=True)
        except schedule.ScheduleFault as fault:
            raise ValidationError(f"Parameter ScheduleExpression is not valid: {fault}.") from fault
    if request.get("State", "ENABLED") not in ("ENABLED", "DISABLED"):
        raise ValidationError(
            f"State {request['State']} is for events of CloudTrail, which there are none of here; "
            "use ENABLED or DISABLED."
        )


def check_pattern(text: str) -> pattern.Pattern:
    """Read a pattern, or refuse it."""
    try:
        return pattern.parse(text)
    except pattern.PatternFault as fault:
        words = f"Event pattern is not valid. Reason: {fault}"
        raise ApiError(words, code="InvalidEventPatternException", status=400) from fault


def _within(bus: str) -> str:
    return "" if bus == DEFAULT else f"{bus}/"


def _switch(call: Call, state: str) -> None:
    with call.records.database.write():
        record = rule_of(call)
        due: Due = call.clock.now() if "ScheduleExpression" in record.doc else KEEP
        call.records.update(record, {"State": state, "_Since": call.clock.now()}, due=due)


def _told(record: Record) -> Document:
    told = {member: record.doc[member] for member in _TOLD if member in record.doc}
    return {**told, "Arn": record.arn, "EventBusName": record.doc["EventBusName"]}


__all__ = ["TARGETS", "check_pattern", "missing"]

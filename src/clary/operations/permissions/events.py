"""EventBridge and its Scheduler: whose default bus and group requests do not name."""

from __future__ import annotations

from clary.core.arn import Arn
from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.store.records import Records

_RULES = ("PutRule", "DescribeRule", "EnableRule", "DisableRule", "DeleteRule")
_TARGETS = ("PutTargets", "RemoveTargets", "ListTargetsByRule")
_BUSES = ("CreateEventBus", "DescribeEventBus", "UpdateEventBus", "DeleteEventBus")
_ANY = ("ListRules", "ListRuleNamesByTarget", "ListEventBuses", "TestEventPattern")
_DEFAULT = "default"


def resources(service: str, operation: str, request: Document, records: Records) -> list[str]:
    """Return the ARNs of what a call is about; none where its own members say them."""
    if service == "scheduler":
        return _of_scheduler(operation, request, records)
    if operation in _ANY:
        return ["*"]
    bus = _bus(request.get("EventBusName"))
    if operation in _RULES or operation in _TARGETS:
        name = request.get("Name") or request.get("Rule") or "*"
        return [_arn(records, "events", f"rule/{name}" if bus == _DEFAULT else f"rule/{bus}/{name}")]
    if operation in _BUSES:
        return [_arn(records, "events", f"event-bus/{_bus(request.get('Name'))}")]
    if operation in ("PutPermission", "RemovePermission"):
        return [_arn(records, "events", f"event-bus/{bus}")]
    if operation == "PutEvents":
        given = {str(entry.get("EventBusName") or _DEFAULT) for entry in request.get("Entries", ())}
        return [b if parse_arn(b) else _arn(records, "events", f"event-bus/{b}") for b in sorted(given)]
    return []


def _of_scheduler(operation: str, request: Document, records: Records) -> list[str]:
    if operation.startswith("List") and operation != "ListTagsForResource":
        return ["*"]
    if operation.endswith("ScheduleGroup"):
        return [_arn(records, "scheduler", f"schedule-group/{request.get('Name', '*')}")]
    if operation.endswith("Schedule"):
        group = request.get("GroupName") or _DEFAULT
        return [_arn(records, "scheduler", f"schedule/{group}/{request.get('Name', '*')}")]
    return []


def _bus(given: object) -> str:
    name = str(given or _DEFAULT)
    arn = parse_arn(name)
    return name if arn is None else arn.resource.removeprefix("event-bus/")


def _arn(records: Records, service: str, tail: str) -> str:
    return str(Arn(service, records.region, records.account, tail))

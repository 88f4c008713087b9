"""Alarms: put, described, deleted, and set by hand. Their life is in the controller's room.

What AWS refuses and in which words: evidence/cloudwatch-alarms.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from clary.core import ids
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.cloudwatch.history import Entry, configured, moved, written
from clary.operations.cloudwatch.alarm_check import check_composite, check_metric
from clary.operations.cloudwatch.metric_data import dimensions
from clary.operations.cloudwatch.words import place, refused, token
from clary.operations.registry import Call, operation
from clary.resources.cloudwatch.alarm import COMPOSITE_ALARM, METRIC_ALARM
from clary.resources.spec import Resource
from clary.store.metrics.alarm_history import AlarmHistory, Item
from clary.store.records import Record

PAGE = 50
_FRESH = {"StateValue": "INSUFFICIENT_DATA", "StateReason": "Unchecked: Initial alarm creation"}
_KEPT = frozenset({"Tags", "CreationTime", "LastModifiedTime", "AlarmArn"})


@operation("cloudwatch", "PutMetricAlarm")
def put_metric(call: Call) -> None:
    """Create an alarm, or put another in its place that keeps its state."""
    check_metric(call)
    _put(call, METRIC_ALARM, COMPOSITE_ALARM)


@operation("cloudwatch", "PutCompositeAlarm")
def put_composite(call: Call) -> None:
    """Create an alarm over other alarms, or put another in its place that keeps its state."""
    check_composite(call)
    _put(call, COMPOSITE_ALARM, METRIC_ALARM)


@operation("cloudwatch", "DescribeAlarms")
def describe(call: Call) -> Document:
    """Answer alarms by name; those of metrics only, unless AlarmTypes asks for more."""
    request = call.request
    asked = request.get("AlarmNames")
    if asked is not None and "AlarmNamePrefix" in request:
        raise refused("AlarmNamePrefix and AlarmNames are mutually exclusive.")
    if {"ChildrenOfAlarmName", "ParentsOfAlarmName"} & set(request):
        raise refused("ChildrenOfAlarmName and ParentsOfAlarmName are not available here.")
    found = place(request)
    after = str(found[0]) if found else ""
    types = request.get("AlarmTypes", ["MetricAlarm"])
    limit = request.get("MaxRecords", PAGE)
    every = [record for kind in _KINDS if kind.kind in types for record in _each(call, kind, asked, after)]
    shown = sorted((r for r in every if _wanted(r, request)), key=lambda record: record.name)
    answer: Document = {
        f"{kind.kind}s": [_told(record) for record in shown[:limit] if record.kind == kind.kind]
        for kind in _KINDS
    }
    if len(shown) > limit:
        answer["NextToken"] = token(request, [shown[limit - 1].name])
    return answer


@operation("cloudwatch", "DescribeAlarmsForMetric")
def describe_for_metric(call: Call) -> Document:
    """Answer the alarms of exactly one metric."""
    request = call.request
    named = dimensions(request.get("Dimensions", ()))
    tested = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit")
    shown = [
        record
        for record in call.records.each(METRIC_ALARM)
        if all(record.doc.get(name) == request[name] for name in tested if name in request)
        and dimensions(record.doc.get("Dimensions", ())) == named
    ]
    return {"MetricAlarms": [_told(record) for record in shown]}


@operation("cloudwatch", "DeleteAlarms")
def delete(call: Call) -> None:
    """Delete alarms, all of them or, should one not be there, none."""
    with call.records.database.write():
        for name in dict.fromkeys(call.request["AlarmNames"]):
            record = _require(call, name)
            call.records.delete(record)
            _keep(call, record, configured(_key(record), name, "Delete", record.doc, call.clock.now()))


@operation("cloudwatch", "SetAlarmState")
def set_state(call: Call) -> None:
    """Set an alarm's state until its next evaluation, with the actions that follow."""
    request, now = call.request, call.clock.now()
    data = request.get("StateReasonData")
    if data is not None and not _is_json(data):
        raise ApiError("StateReasonData is not valid JSON.", code="InvalidFormat", status=400)
    with call.records.database.write():
        record = _require(call, request["AlarmName"])
        change = moved(record.doc, _key(record), request["StateValue"], request["StateReason"], data, now)
        due = now if change.members.get("_Pending") else record.due
        call.records.update(record, change.members, due=due, touch=False)
        _keep(call, record, change.entry)


@operation("cloudwatch", "EnableAlarmActions")
def enable(call: Call) -> None:
    """Let alarms act; names that are not there are passed over."""
    _set_actions(call, enabled=True)


@operation("cloudwatch", "DisableAlarmActions")
def disable(call: Call) -> None:
    """Keep alarms from acting; names that are not there are passed over."""
    _set_actions(call, enabled=False)


@operation("cloudwatch", "DescribeAlarmHistory")
def history(call: Call) -> Document:
    """Answer what alarms went through, of deleted ones too."""
    request = call.request
    if "AlarmContributorId" in request:
        raise refused("AlarmContributorId is not available here: no alarm has contributors.")
    found = place(request)
    limit = request.get("MaxRecords", PAGE)
    items = AlarmHistory(call.records.database, call.account, call.region).page(
        alarm=request.get("AlarmName"),
        alarm_types=request.get("AlarmTypes", ("MetricAlarm",)),
        kind=request.get("HistoryItemType"),
        start=request.get("StartDate"),
        end=request.get("EndDate"),
        descending=request.get("ScanBy", "TimestampDescending") == "TimestampDescending",
        after=None if found is None else (int(found[0]), int(found[1])),
        limit=limit + 1,
    )
    answer: Document = {"AlarmHistoryItems": [_item(item) for item in items[:limit]]}
    if len(items) > limit:
        last = items[limit - 1]
        answer["NextToken"] = token(request, [int(last.at.timestamp() * 1000), last.id])
    return answer


_KINDS = (COMPOSITE_ALARM, METRIC_ALARM)


def _put(call: Call, kind: Resource, other: Resource) -> None:
    request, now = call.request, call.clock.now()
    name = request["AlarmName"]
    doc = {"ActionsEnabled": True, **request, "AlarmConfigurationUpdatedTimestamp": now}
    with call.records.database.write():
        if call.records.find(other, name) is not None:
            raise refused(f"There is an alarm {name} of another type; its name cannot be used.")
        old = call.records.find(kind, name)
        if old is None:
            state = {**_FRESH, "StateUpdatedTimestamp": now, "StateTransitionedTimestamp": now}
            doc["AlarmArn"] = call.records.arn(kind, request)
            record = call.records.create(kind, {**doc, **state}, due=now)
            _keep(call, record, configured(_key(record), name, "Create", doc, now))
        else:
            doc.pop("Tags", None)  # They are taken at creation only; later TagResource changes them.
            known = {m for m in old.doc if not m.startswith(("_", "State")) and m not in _KEPT}
            record = call.records.update(old, doc, remove=known - set(doc), due=now)
            _keep(call, record, configured(_key(record), name, "Update", doc, now))


def _set_actions(call: Call, *, enabled: bool) -> None:
    with call.records.database.write():
        for name in call.request["AlarmNames"]:
            for kind in _KINDS:
                record = call.records.find(kind, name)
                if record is not None:
                    call.records.update(record, {"ActionsEnabled": enabled}, touch=False)


def _require(call: Call, name: str) -> Record:
    for kind in _KINDS:
        record = call.records.find(kind, name)
        if record is not None:
            return record
    raise ApiError(f"Unknown alarm: {name}.", code="ResourceNotFound", status=404)


def _each(call: Call, kind: Resource, asked: Sequence[str] | None, after: str) -> Iterator[Record]:
    if asked:
        found = (call.records.find(kind, name) for name in set(asked))
        return (record for record in found if record is not None and record.name > after)
    return (record for record in call.records.each(kind) if record.name > after)


def _wanted(record: Record, request: Document) -> bool:
    acts = [
        a for m in ("OKActions", "AlarmActions", "InsufficientDataActions") for a in record.doc.get(m, ())
    ]
    return (
        record.name.startswith(request.get("AlarmNamePrefix", ""))
        and record.doc["StateValue"] == request.get("StateValue", record.doc["StateValue"])
        and ("ActionPrefix" not in request or any(a.startswith(request["ActionPrefix"]) for a in acts))
    )


def _told(record: Record) -> Document:
    none: Document = {"OKActions": [], "AlarmActions": [], "InsufficientDataActions": []}
    doc = {**none, **record.doc}
    if record.kind == METRIC_ALARM.kind:
        doc.setdefault("Dimensions", [])
    return {m: v for m, v in doc.items() if v is not None and not m.startswith("_") and m != "Tags"}


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return False
    return True


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _key(record: Record) -> str:
    """Return a key for what happens to a record now."""
    return f"{record.uid}/{record.version}/{ids.uid()[:8]}"


def _keep(call: Call, record: Record, entry: Entry) -> None:
    item = Item(
        alarm=record.name,
        alarm_type=record.kind,
        key=entry.key,
        kind=entry.kind,
        at=entry.at,
        summary=entry.summary,
        data=written(entry.data),
    )
    AlarmHistory(call.records.database, call.account, call.region).add([item])


def _item(item: Item) -> Document:
    return {
        "AlarmName": item.alarm,
        "AlarmType": item.alarm_type,
        "Timestamp": item.at,
        "HistoryItemType": item.kind,
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    }

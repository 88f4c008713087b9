"""Schedules: created, described, listed, replaced, deleted. Their life is the controller's."""

from __future__ import annotations

from collections.abc import Iterator

from clary.core.arn import Arn
from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.events.schedule import ScheduleFault
from clary.engines.scheduler import due, target
from clary.operations.computed_list import cut
from clary.operations.registry import Call, operation
from clary.operations.scheduler.groups import exists, group_of
from clary.operations.sts.trust import check_service_role
from clary.resources.scheduler.schedule import DEFAULT, SCHEDULE
from clary.store.record import Record

SERVICE = "scheduler.amazonaws.com"
_PAGE = 100
_ASKED = (
    *("Name", "GroupName", "Description", "ScheduleExpression", "ScheduleExpressionTimezone", "State"),
    *("StartDate", "EndDate", "FlexibleTimeWindow", "Target", "ActionAfterCompletion"),
)


@operation("scheduler", "CreateSchedule")
def create(call: Call) -> Document:
    """Make a schedule; asking twice with one token makes one."""
    doc, token = _checked(call), call.request.get("ClientToken", "")
    with call.records.database.write():
        group_of(call, doc["GroupName"])
        old = call.records.find(SCHEDULE, f"{doc['GroupName']}/{doc['Name']}")
        if old is not None:
            if token and old.doc.get("_Token") == token:
                return {"ScheduleArn": old.arn}
            raise exists("named", doc["Name"])
        since = {"_Since": call.clock.now(), "_Token": token}
        record = call.records.create(SCHEDULE, doc | since, due=call.clock.now())
    return {"ScheduleArn": record.arn}


@operation("scheduler", "GetSchedule")
def get(call: Call) -> Document:
    """Answer a schedule."""
    record = _named(call)
    told = {name: record.doc[name] for name in _ASKED if name in record.doc}
    return {**told, **_about(record)}


@operation("scheduler", "UpdateSchedule")
def update(call: Call) -> Document:
    """Put another schedule in the place of one: what the request leaves out has its default again."""
    doc = _checked(call)
    with call.records.database.write():
        record = _named(call)
        gone = [name for name in _ASKED if name in record.doc and name not in doc]
        since = {"_Since": call.clock.now()}
        call.records.update(record, doc | since, remove=gone, due=call.clock.now())
    return {"ScheduleArn": record.arn}


@operation("scheduler", "DeleteSchedule")
def delete(call: Call) -> None:
    """Delete a schedule."""
    with call.records.database.write():
        call.records.delete(_named(call))


@operation("scheduler", "ListSchedules")
def page(call: Call) -> Document:
    """Answer schedules by group and name."""
    request = call.request
    if "GroupName" in request:
        group_of(call, request["GroupName"])

    def found() -> Iterator[tuple[str, Document]]:
        for record in call.records.each(SCHEDULE, under=request.get("GroupName", "")):
            named = record.name.startswith(request.get("NamePrefix", ""))
            if named and request.get("State", record.status) == record.status:
                yield record.key, _summary(record)

    schedules, more = cut(call, found(), request.get("MaxResults", _PAGE), request.get("NextToken"))
    return {"Schedules": schedules} | ({"NextToken": more} if more else {})


def _named(call: Call) -> Record:
    group = call.request.get("GroupName", DEFAULT)
    return call.records.get(SCHEDULE, {"GroupName": group, "Name": call.request["Name"]})


def _checked(call: Call) -> Document:
    request = call.request
    doc = {name: request[name] for name in _ASKED if name in request}
    doc = {
        **{"GroupName": DEFAULT, "State": "ENABLED", "ScheduleExpressionTimezone": "UTC"},
        **{"ActionAfterCompletion": "NONE", **doc},
    }
    if "KmsKeyArn" in request:
        raise ValidationError("KmsKeyArn cannot be had: there is no KMS here; leave it out.")
    try:
        due.read(doc)
    except ScheduleFault as fault:
        raise ValidationError(f"Invalid Schedule Expression {doc['ScheduleExpression']}. {fault}.") from fault
    _check_dates(call, doc)
    window = doc["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise ValidationError("MaximumWindowInMinutes is for the flexible Mode, and needed there.")
    if why := target.fault(doc["Target"], call.account, call.region):
        raise ValidationError(why)
    _check_role(call, doc["Target"]["RoleArn"], doc["GroupName"])
    return doc


def _check_dates(call: Call, doc: Document) -> None:
    start, end = doc.get("StartDate"), doc.get("EndDate")
    if end is not None and end <= (start or call.clock.now()):
        words = "the StartDate you specify" if start else "now"
        raise ValidationError(f"The EndDate you specify, {end.isoformat()}, must come after {words}.")


def _check_role(call: Call, arn: str, group: str) -> None:
    source = str(Arn("scheduler", call.region, call.account, f"schedule-group/{group}"))
    try:
        check_service_role(call.records, arn, source, SERVICE)
    except ValidationError as error:
        raise ValidationError(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role: "
            f"{arn} does not exist, or its trust policy does not let {SERVICE} in."
        ) from error


def _about(record: Record) -> Document:
    return {
        "Arn": record.arn,
        "CreationDate": record.created,
        "LastModificationDate": record.modified,
    }


def _summary(record: Record) -> Document:
    told = {"Name": record.name, "GroupName": record.doc["GroupName"], "State": record.status}
    return {**_about(record), **told, "Target": {"Arn": record.doc["Target"]["Arn"]}}
